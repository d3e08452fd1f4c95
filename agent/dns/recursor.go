package dns

import (
	"context"
	"math/rand/v2"

	"github.com/miekg/dns"
)

// inForce are settings as they are used.
type inForce struct {
	Settings
	recursors []string // with their ports
}

func newInForce(settings Settings) (*inForce, error) {
	if err := settings.Valid(); err != nil {
		return nil, err
	}
	f := &inForce{Settings: settings}
	for _, recursor := range settings.Recursors {
		address, err := recursorAddress(recursor)
		if err != nil {
			return nil, err
		}
		f.recursors = append(f.recursors, address)
	}
	return f, nil
}

// order returns the recursors in the order in which to ask them.
func (f *inForce) order() []string {
	if !f.RandomRecursor {
		return f.recursors
	}
	order := make([]string, len(f.recursors))
	for n, k := range rand.Perm(len(order)) {
		order[n] = f.recursors[k]
	}
	return order
}

// forward asks the recursors in turn until one has an answer, also the one
// that there is no such name, and returns it as it is. When none has, that is
// the answer.
func (s *Server) forward(ctx context.Context, f *inForce, m *dns.Msg, r *request) *dns.Msg {
	client := dns.Client{Net: "udp", Timeout: f.RecursorTimeout}
	if r.tcp {
		client.Net = "tcp"
	}
	for _, recursor := range f.order() {
		answer, err := exchange(ctx, &client, m, recursor)
		switch {
		case answer != nil && answer.Rcode != dns.RcodeSuccess && answer.Rcode != dns.RcodeNameError:
			s.logger.Debug("a recursor failed", "question", m.Question[0].Name, "recursor", recursor, "rcode", dns.RcodeToString[answer.Rcode])
		case err == nil || answer != nil && answer.Truncated:
			return answer
		default:
			s.logger.Debug("a recursor failed", "question", m.Question[0].Name, "recursor", recursor, "error", err)
		}
	}
	failed := new(dns.Msg).SetRcode(m, dns.RcodeServerFailure)
	failed.RecursionAvailable = true
	if r.edns {
		option := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
		option.SetUDPSize(uint16(r.takes))
		if r.subnet != nil {
			r.subnet.SourceScope = 0
			option.Option = []dns.EDNS0{r.subnet}
		}
		failed.Extra = []dns.RR{option}
	}
	return failed
}

// exchange asks a server, and waits for its answer until ctx ends, which the
// client's own way to ask does not look at.
func exchange(ctx context.Context, client *dns.Client, m *dns.Msg, server string) (*dns.Msg, error) {
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends reading
	answer, _, err := client.ExchangeWithConnContext(ctx, m, conn)
	_ = conn.Close() // all was said
	return answer, err
}

// lookUp asks the recursors in turn for the addresses of a name, and returns
// what the first one says that can be reached.
func (s *Server) lookUp(ctx context.Context, f *inForce, name string) []dns.RR {
	m := new(dns.Msg).SetQuestion(name, dns.TypeA)
	client := dns.Client{Net: "udp", Timeout: f.RecursorTimeout}
	for _, recursor := range f.order() {
		answer, err := exchange(ctx, &client, m, recursor)
		if err == nil {
			return answer.Answer
		}
		s.logger.Debug("a recursor failed", "question", name, "recursor", recursor, "error", err)
	}
	return nil
}
