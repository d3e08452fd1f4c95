package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// floodSize is how many names are asked for in a flood, none of them twice.
const floodSize = 120_000

// However many names are asked for that nobody asked for before, the registry
// does not hold on to them.
func TestFloodOfNames(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	s.put("/v1/agent/service/register", `{"Name":"web","Address":"10.0.0.1","Port":8001,"Tags":["v1"],"Connect":{"Native":true}}`)
	s.flood(absent, 1000) // whatever is made once is there
	for _, flood := range []struct {
		names func(label string) []string
		bound int64 // in bytes
	}{
		// A name that is kept would take some 100 bytes: 11 MiB.
		{absent, 5 << 20},
		// Some answers are kept, so that the same are sooner given again: about
		// 20 MiB. All of them would be 100 MiB.
		{present, 40 << 20},
	} {
		size := floodSize
		if raceDetector {
			size /= 10 // it is slow, and the bounds hold all the more
		}
		before := s.heap()
		s.flood(flood.names, size)
		grown := s.heap() - before
		s.Logf("%d names like %s: %.1f MiB more", size, flood.names("x")[0], float64(grown)/(1<<20))
		if grown > flood.bound {
			s.Errorf("after %d names like %s the registry holds %d bytes more, want at most %d", size, flood.names("x")[0], grown, flood.bound)
		}
	}
}

// absent are names that are not there, of every form.
func absent(label string) []string {
	return []string{
		label + ".service.consul.", label + ".web.service.consul.", "_" + label + "._tcp.service.consul.", label + ".node.consul.",
		label + ".query.consul.", label + ".connect.consul.", label + ".virtual.consul.", label + ".consul.", label + ".example.",
		label + ".in-addr.arpa.", label + ".addr.consul.", "web.service." + label + ".consul.",
	}
}

// present are names that are there, among them every address: Consul minds
// neither what stands before a service of the mesh, nor upper case.
func present(label string) []string {
	upper := strings.ToUpper(label)
	return []string{
		label + ".web.connect.consul.", label + ".web.virtual.consul.", upper + ".web.Connect.consul.", fmt.Sprintf("%.8s.addr.consul.", label+"01234567"),
	}
}

// flood asks for so many names, and waits for each answer.
func (s *scene) flood(names func(label string) []string, size int) {
	s.Helper()
	const askers = 8
	group, ctx := errgroup.WithContext(s.Context())
	for asker := range askers {
		group.Go(func() error {
			conn, err := new(net.Dialer).DialContext(ctx, "udp", s.registry.DNSAddress())
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(5 * time.Minute)); err != nil {
				return err
			}
			for n := asker; n < size; n += askers {
				all := names(strconv.FormatUint(rand.Uint64(), 16))
				if err := exchange(&dns.Conn{Conn: conn}, floodQuestion(all[n%len(all)], n)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
}

// floodQuestion is the n-th question, for one type or another, with EDNS or
// without.
func floodQuestion(name string, n int) *dns.Msg {
	types := []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT, dns.TypeANY}
	question := new(dns.Msg).SetQuestion(name, types[rand.IntN(len(types))])
	if n%2 == 0 {
		question.SetEdns0(1232, false)
	}
	return question
}

// exchange asks a question, and wants an answer to it.
func exchange(conn *dns.Conn, question *dns.Msg) error {
	if err := conn.WriteMsg(question); err != nil {
		return err
	}
	answer, err := conn.ReadMsg()
	if err == nil && (answer.Id != question.Id || answer.Rcode == dns.RcodeServerFailure) {
		err = fmt.Errorf("asked\n%v\nanswered\n%v", question, answer)
	}
	return err
}

var heapAlloc = regexp.MustCompile(`# HeapAlloc = ([0-9]+)`)

// heap returns how many bytes the registry holds on to.
func (s *scene) heap() int64 {
	s.Helper()
	status, body, err := s.registry.Get(context.Background(), "/debug/pprof/heap?gc=1&debug=1")
	if err != nil || status != http.StatusOK {
		s.Fatalf("the profile of the heap: %d %s, %v", status, body, err)
	}
	found := heapAlloc.FindSubmatch(body)
	if found == nil {
		s.Fatalf("no HeapAlloc in the profile:\n%s", body)
	}
	bytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		s.Fatal(err)
	}
	return bytes
}
