package dns

import (
	"testing"

	"github.com/miekg/dns"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct{ domain, alternative, asked, rest, under string }{
		{"consul", "", "web.service.Consul.", "web.service.", "Consul."},
		{"Consul.", ".", "consul.", "", "consul."},
		{"consul", "", "notconsul.", "", ""},
		{"consul", "", "example.org.", "", ""},
		{"consul", "", ".", "", ""},
		{"consul", "alt.consul", "web.service.ALT.consul.", "web.service.", "ALT.consul."},
		{"alt.consul", "consul", "web.service.alt.consul.", "web.service.", "alt.consul."},
		{"alt.consul", "consul", "web.service.consul.", "web.service.", "consul."},
		{".", "", "web.service.", "web.service", "."},
	} {
		rest, under, ours := newZone(c.domain, c.alternative).split(c.asked)
		if rest != c.rest || under != c.under || ours != (under != "") {
			t.Errorf("%s of %q and %q: got %q, %q, %v; want %q, %q", c.asked, c.domain, c.alternative, rest, under, ours, c.rest, c.under)
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		rest string
		want name
	}{
		{"web.service.", name{kind: services, label: "web"}},
		{"WEB.Service.", name{kind: services, label: "web"}},
		{"v1.web.service.dc2.", name{kind: services, label: "web", tag: "v1", datacenter: "dc2"}},
		{"a.b.c.web.service.dc2.dc.", name{kind: services, label: "web", tag: "a.b.c", datacenter: "dc2"}},
		{"web.service.east.peer.", name{kind: services, label: "web", peer: "east"}},
		{"_web._tcp.service.", name{kind: services, label: "web"}},
		{"_web._v1.service.dc1.", name{kind: services, label: "web", tag: "v1", datacenter: "dc1"}},
		{"_a._b._c.service.", name{kind: services, label: "_c", tag: "_a._b"}},
		{"service.service.", name{kind: services, label: "service"}},
		{"x.y.node.", name{kind: nodes, label: "x.y"}},
		{"x.node.dc2.", name{kind: nodes, label: "x", datacenter: "dc2"}},
		{"x.web.connect.", name{kind: connects, label: "web"}},
		{"web.ingress.", name{kind: ingress, label: "web"}},
		{"web.virtual.", name{kind: virtuals, label: "web"}},
		{"web.virtual.east.", name{kind: virtuals, label: "web", peer: "east"}},
		{"web.virtual.dc1.dc.", name{kind: virtuals, label: "web", datacenter: "dc1"}},
		{"geo.db.query.", name{kind: queries, label: "geo.db"}},
		{"_geo.db._tcp.query.dc1.", name{kind: queries, label: "geo.db", datacenter: "dc1"}},
		{"_geo.query.", name{kind: queries, label: "_geo"}},
		{"0a000001.addr.", name{kind: address, label: "0a000001"}},
		{"0a000001.addr.wherever.it.is.", name{kind: address, label: "0a000001"}},
		// Not names of anything.
		{"", name{}},
		{"web.", name{}},
		{"service.", name{}},
		{"service.dc1.", name{}},
		{"_web._tcp.", name{}},
		{"_._tcp.service.", name{}},
		{"web.service.a.b.", name{}},
		{"web.service.a.b.c.", name{}},
		{"web.service.a.dc.b.peer.", name{}},
		{"web.service.a.dc.b.dc.c.dc.", name{}},
		{"geo.query.a.dc.", name{}},
		{"x.0a000001.addr.", name{}},
	} {
		got, ok := parse(c.rest, false)
		if !ok {
			got = name{}
		}
		if got != c.want || ok != (c.want.kind != "") {
			t.Errorf("%q: got %+v, %v; want %+v", c.rest, got, ok, c.want)
		}
	}
	for rest, want := range map[string]name{
		"_web._tcp.":     {kind: services, label: "web"},
		"_web._v1.":      {kind: services, label: "web", tag: "v1"},
		"_web._tcp.dc2.": {kind: services, label: "web", datacenter: "dc2"},
		"_web.":          {kind: services, label: "_web"},
		"web._tcp.":      {kind: services, label: "_tcp", tag: "web"},
	} {
		if got, ok := parse(rest, true); got != want || !ok {
			t.Errorf("%q for SRV: got %+v, %v; want %+v", rest, got, ok, want)
		}
	}
}

// FuzzParse: whatever is asked, what is understood of it has all it needs.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"web.service.consul.", "_a._b.service.dc1.dc.consul.", "_a._tcp.consul.", "x.y.node.Consul.", "q.query.alt.example.", "web.virtual.p.peer.consul.",
		"0a000001.addr.consul.", `a\.b.web.service.consul.`, `\000.service.consul.`, "consul.", ".", "", "..", "service.service.consul.",
	} {
		f.Add(s, true)
		f.Add(s, false)
	}
	z := newZone("consul", "alt.example")
	f.Fuzz(func(t *testing.T, asked string, srv bool) {
		asked = dns.Fqdn(asked)
		rest, domain, ours := z.split(asked)
		if ours && rest+domain != asked || !ours && domain != "" {
			t.Fatalf("%q was split into %q and %q", asked, rest, domain)
		}
		n, ok := parse(rest, srv)
		switch {
		case !ok:
		case n.kind == "" || n.label == "":
			t.Errorf("%q: got %+v", asked, n)
		case n.datacenter != "" && n.peer != "":
			t.Errorf("%q is in two places: %+v", asked, n)
		}
	})
}
