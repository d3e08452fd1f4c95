package dns

import (
	"bytes"
	"testing"

	"github.com/miekg/dns"
)

// FuzzPad: what can be read can be read afterwards, and says the same.
func FuzzPad(f *testing.F) {
	plain := new(dns.Msg).SetQuestion("web.service.consul.", dns.TypeA)
	spoken := plain.Copy().SetEdns0(1232, false)
	answered := spoken.Copy()
	answered.Answer = []dns.RR{&dns.TXT{Hdr: header("web.service.consul.", dns.TypeTXT, 0), Txt: []string{"a"}}}
	answered.Compress = true
	for _, m := range []*dns.Msg{plain, spoken, answered} {
		raw, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := new(dns.Msg)
		if before.Unpack(raw) != nil {
			pad(bytes.Clone(raw)) // and nothing happens
			return
		}
		after := new(dns.Msg)
		got := pad(bytes.Clone(raw))
		if err := after.Unpack(got); err != nil {
			t.Fatalf("%x became %x: %v", raw, got, err)
		}
		if len(after.Answer) != len(before.Answer) || len(after.Ns) != len(before.Ns) || len(after.Extra) != len(before.Extra) {
			t.Errorf("%v became %v", before, after)
		}
		if bytes.Equal(got, raw) {
			return
		}
		if len(got)%padded != 0 || after.IsEdns0() == nil {
			t.Errorf("%d bytes became %d", len(raw), len(got))
		}
	})
}
