package conformance

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// flags returns the arguments that configure an agent as a list wants it. In its
// configuration {recursor} stands for the address of a server that knows the
// domain example, and {failing} for one that knows nothing.
func (l list) flags(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(l.configFile())
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	servers := map[string]string{}
	for name, zone := range map[string][]string{"recursor": example, "failing": nil} {
		if strings.Contains(string(text), "{"+name+"}") {
			servers[name] = startRecursor(t, zone)
		}
	}
	file := filepath.Join(t.TempDir(), l.name+".hcl")
	if err := os.WriteFile(file, []byte(fill(string(text), servers)), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"-config-file", file}
}

// example is what the recursor knows.
var example = slices.Concat([]string{
	"host.example. 300 IN A 192.0.2.1",
	"host.example. 300 IN AAAA 2001:db8::1",
	"alias.example. 300 IN CNAME host.example.",
	"text.example. 300 IN TXT \"some text\"",
	"9.2.0.192.in-addr.arpa. 300 IN PTR host.example.",
}, addresses("many.example.", 7), addresses("big.example.", 40))

// addresses returns records of as many addresses.
func addresses(name string, count int) []string {
	records := make([]string, count)
	for n := range records {
		records[n] = fmt.Sprintf("%s 300 IN A 192.0.2.%d", name, n+1)
	}
	return records
}

// startRecursor serves records over UDP and TCP until the test ends, and
// returns where. Other names of the domain do not exist; what is outside of it,
// and everything where there are no records, is a failure.
func startRecursor(t *testing.T, records []string) string {
	t.Helper()
	var zone []dns.RR
	for _, text := range records {
		record, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		zone = append(zone, record)
	}
	answer := dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		reply := lookUp(zone, r)
		if w.RemoteAddr().Network() == "udp" {
			size := dns.MinMsgSize
			if opt := r.IsEdns0(); opt != nil {
				size = int(opt.UDPSize())
			}
			reply.Truncate(size)
		}
		if err := w.WriteMsg(reply); err != nil {
			t.Errorf("the recursor answers: %v", err)
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range []*dns.Server{{Listener: listener, Handler: answer}, {PacketConn: packets, Handler: answer}} {
		started, ended := make(chan struct{}), make(chan error, 1)
		server.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- server.ActivateAndServe() }() // ends at Shutdown, awaited in the cleanup
		<-started
		t.Cleanup(func() {
			if err := server.Shutdown(); err != nil {
				t.Errorf("stop the recursor: %v", err)
			}
			if err := <-ended; err != nil {
				t.Errorf("the recursor ended: %v", err)
			}
		})
	}
	return listener.Addr().String()
}

// lookUp answers a question from a zone, and follows its aliases.
func lookUp(zone []dns.RR, r *dns.Msg) *dns.Msg {
	reply := new(dns.Msg).SetReply(r)
	reply.RecursionAvailable = true
	if r.IsEdns0() != nil {
		reply.SetEdns0(1400, false)
	}
	asked, known := r.Question[0], false
	for name := asked.Name; name != ""; {
		next := ""
		for _, record := range zone {
			if !strings.EqualFold(record.Header().Name, name) {
				continue
			}
			known = true
			if alias, ok := record.(*dns.CNAME); ok {
				next = alias.Target
			} else if record.Header().Rrtype != asked.Qtype {
				continue
			}
			reply.Answer = append(reply.Answer, record)
		}
		name = next
	}
	switch {
	case known:
	case len(zone) > 0 && dns.IsSubDomain("example.", strings.ToLower(asked.Name)):
		reply.Rcode = dns.RcodeNameError
	default:
		reply.Rcode = dns.RcodeServerFailure
	}
	return reply
}
