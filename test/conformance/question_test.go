package conformance

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

func TestParseQuestion(t *testing.T) {
	q, err := parseQuestion("+tcp +norecurse +bufsize=4096 +subnet=1.2.3.4/24 web.service.consul SRV, consul SOA CH")
	if err != nil {
		t.Fatal(err)
	}
	opt := q.message.IsEdns0()
	if q.network != "tcp" || q.message.RecursionDesired || opt == nil || opt.UDPSize() != 4096 || len(opt.Option) != 1 {
		t.Errorf("got %+v and\n%v", q, q.message)
	}
	want := []dns.Question{
		{Name: "web.service.consul.", Qtype: dns.TypeSRV, Qclass: dns.ClassINET},
		{Name: "consul.", Qtype: dns.TypeSOA, Qclass: dns.ClassCHAOS},
	}
	if !slices.Equal(q.message.Question, want) {
		t.Errorf("got %v, want %v", q.message.Question, want)
	}
	for _, wrong := range []string{"web", "web NONE", "web A X", "+none web A", "+bufsize=x web A", "+subnet=x web A", "+opcode=X web A", "+edns=256 web A"} {
		if _, err := parseQuestion(wrong); err == nil {
			t.Errorf("%q: no error", wrong)
		}
	}
}

// TestInOrder shows that only the order of an answer is lost which means
// nothing.
func TestInOrder(t *testing.T) {
	var records []dns.RR
	for _, text := range []string{
		"z.consul. 0 IN A 10.0.0.2",
		"z.consul. 0 IN CNAME a.consul.",
		"a.consul. 0 IN CNAME b.consul.",
		"b.consul. 0 IN A 10.0.0.1",
		"c.consul. 0 IN A 10.0.0.3",
	} {
		record, err := dns.NewRR(text)
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, record)
	}
	want := []string{
		"c.consul. 0 IN A 10.0.0.3",
		"z.consul. 0 IN A 10.0.0.2",
		"z.consul. 0 IN CNAME a.consul.", "a.consul. 0 IN CNAME b.consul.", "b.consul. 0 IN A 10.0.0.1",
	}
	if got := inOrder(records); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := counted(records), []string{"3 × A", "2 × CNAME"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
