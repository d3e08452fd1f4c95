package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// dnsGoal is what muster aims at for each answer over DNS.
const dnsGoal = "0.6 × minimal"

// dnsQuestion is something that is asked over UDP, of a registry with a service
// of 3 instances and one of 50.
type dnsQuestion struct {
	what    string // in the table
	name    string
	kind    uint16
	size    uint16 // that is told with EDNS; 0 for none
	rcode   int
	answers int
}

// dnsQuestions are all of them.
var dnsQuestions = []dnsQuestion{
	{what: "A of 3", name: "three.service.consul.", kind: dns.TypeA, answers: 3},
	{what: "SRV of 3", name: "three.service.consul.", kind: dns.TypeSRV, answers: 3},
	{what: "A of 50, EDNS 4096", name: "fifty.service.consul.", kind: dns.TypeA, size: 4096, answers: 50},
	{what: "SRV of 50, EDNS 4096", name: "fifty.service.consul.", kind: dns.TypeSRV, size: 4096, answers: 50},
	{what: "A of 50, plain", name: "fifty.service.consul.", kind: dns.TypeA, answers: 3},
	{what: "SRV of 50, plain", name: "fifty.service.consul.", kind: dns.TypeSRV, answers: 3},
	{what: "no such name", name: "none.service.consul.", kind: dns.TypeA, rcode: dns.RcodeNameError},
}

// dnsFigures are how fast each is answered, and how slow at worst.
func dnsFigures() []figure {
	exact := "over " + ratePeriod.String() + ", UDP, instances with addresses of their own; a packet that is lost would end the run"
	var rates, worst []figure
	for _, q := range dnsQuestions {
		rates = append(rates, figure{name: "DNS " + q.what + ", 16 clients, 1/s", exact: exact, more: true, goal: dnsGoal, measure: q.measure(rateOf)})
		worst = append(worst, figure{name: "DNS " + q.what + ", 16 clients, 99 of 100 within, ms", exact: exact, measure: q.measure(p99Of)})
	}
	return slices.Concat(rates, worst)
}

// dnsPatience is how long after the period a last answer is waited for.
const dnsPatience = 5 * time.Second

// measure asks a registry what q asks, and gives what of makes of the times
// that each of the clients' answers took.
func (q dnsQuestion) measure(of func([]time.Duration, time.Duration) float64) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		if err := prepareDNS(ctx, r); err != nil {
			return 0, err
		}
		if err := settle(ctx, r.Program().PID()); err != nil {
			return 0, err
		}
		if _, _, err := q.askAll(ctx, r.DNSAddress(), readWarmUp); err != nil {
			return 0, err
		}
		took, whole, err := q.askAll(ctx, r.DNSAddress(), ratePeriod)
		if err != nil {
			return 0, err
		}
		return of(took, whole), nil
	}
}

func rateOf(took []time.Duration, whole time.Duration) float64 {
	return float64(len(took)) / whole.Seconds()
}

func p99Of(took []time.Duration, _ time.Duration) float64 {
	slices.Sort(took)
	return milliseconds(took[len(took)*99/100])
}

// prepareDNS registers the two services.
func prepareDNS(ctx context.Context, r *registry.Registry) error {
	for _, q := range []asked{threeHealthy, fiftyHealthy} {
		if _, err := q.prepare(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// askAll lets all clients ask for a period. It returns how long each answer took,
// and how long it was until the last.
func (q dnsQuestion) askAll(ctx context.Context, address string, period time.Duration) (took []time.Duration, whole time.Duration, err error) {
	group, ctx := errgroup.WithContext(ctx)
	each := make([][]time.Duration, clients)
	start := time.Now()
	for number := range clients {
		group.Go(func() error {
			asker, err := q.dial(ctx, address, uint16(number))
			if err != nil {
				return err
			}
			defer asker.conn.Close()
			if err := asker.conn.SetDeadline(start.Add(period + dnsPatience)); err != nil {
				return err
			}
			for before := time.Now(); before.Sub(start) < period; {
				if _, err := asker.ask(); err != nil {
					return fmt.Errorf("%s: %w", q.what, err)
				}
				after := time.Now()
				each[number] = append(each[number], after.Sub(before))
				before = after
			}
			return nil
		})
	}
	err = group.Wait()
	return slices.Concat(each...), time.Since(start), err
}

// asker asks one question over a socket of its own, again and again. It does as
// little as it can, so that what is measured is the server: the packet is made
// beforehand, and of the answer the head is looked at.
type asker struct {
	conn    net.Conn
	packet  []byte
	rcode   byte
	answers uint16
	buffer  [dns.MaxMsgSize]byte
}

// dial returns an asker that ends with ctx: what it is waiting for then fails.
func (q dnsQuestion) dial(ctx context.Context, address string, id uint16) (*asker, error) {
	message := new(dns.Msg).SetQuestion(q.name, q.kind)
	message.Id = id
	if q.size > 0 {
		message.SetEdns0(q.size, false)
	}
	packet, err := message.Pack()
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &asker{conn: conn, packet: packet, rcode: byte(q.rcode), answers: uint16(q.answers)}, nil
}

// ask returns the whole answer, until the next is asked for.
func (a *asker) ask() ([]byte, error) {
	id := binary.BigEndian.Uint16(a.packet) + clients // the next of this socket
	binary.BigEndian.PutUint16(a.packet, id)
	if _, err := a.conn.Write(a.packet); err != nil {
		return nil, err
	}
	n, err := a.conn.Read(a.buffer[:])
	if err != nil {
		return nil, err
	}
	answer := a.buffer[:n]
	if n < 12 || binary.BigEndian.Uint16(answer) != id || answer[3]&0xf != a.rcode || binary.BigEndian.Uint16(answer[6:]) != a.answers {
		return nil, fmt.Errorf("question %d, want %d answers and rcode %d, got % x", id, a.answers, a.rcode, answer[:min(n, 12)])
	}
	return answer, nil
}

// recordDNS writes what a registry of the kind answers to each question into
// folder: the bytes that the minimal server sends.
func recordDNS(ctx context.Context, kind registry.Kind, folder string) (err error) {
	r, err := registry.New(kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.End()) }()
	if err := r.Start(ctx); err != nil {
		return err
	}
	if err := prepareDNS(ctx, r); err != nil {
		return err
	}
	for _, q := range dnsQuestions {
		asker, err := q.dial(ctx, r.DNSAddress(), 0)
		if err != nil {
			return err
		}
		answer, err := asker.ask()
		if err := errors.Join(err, asker.conn.Close()); err != nil {
			return fmt.Errorf("record %s: %w", q.what, err)
		}
		file := fmt.Sprintf("dns %s %d %d", q.name, q.kind, q.size)
		if err := os.WriteFile(filepath.Join(folder, file), answer, 0o600); err != nil {
			return err
		}
	}
	return nil
}
