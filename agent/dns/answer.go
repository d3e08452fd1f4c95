package dns

import (
	"errors"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/realjf/muster/agent/query"
	"github.com/realjf/muster/agent/state"
)

// answer is what there is to say to a question, before it is known who asks
// how much of it they take, and in which order they are told.
type answer struct {
	rcode     int
	choices   []choice
	ordered   bool // the choices stand in the order in which they are to be told
	limit     int  // of choices; 0 for none
	authority []dns.RR
	extra     []dns.RR
	local     bool // it may be another for those who ask from another subnet
	fleeting  bool // it may change when what its name is about does not
}

// choice is what there is to say of one instance.
type choice struct {
	answers []dns.RR
	extra   []dns.RR
	twin    string // of those who have the same, only the first is told
	weight  int
}

// The choice of everything, where there is no choice.
func only(answers, extra []dns.RR) []choice { return []choice{{answers: answers, extra: extra}} }

// flat returns the answers in an order that somebody could be told.
func (a *answer) flat() (all []dns.RR) {
	if !a.ordered {
		rand.Shuffle(len(a.choices), func(i, j int) { a.choices[i], a.choices[j] = a.choices[j], a.choices[i] })
	}
	told := map[string]bool{}
	for _, c := range a.choices {
		if !told[c.twin] {
			all = append(all, c.answers...)
			told[c.twin] = true
		}
		if len(told) == a.limit {
			break
		}
	}
	return all
}

// finder finds answers in the state of one moment, for one who asks. It
// belongs to one goroutine.
type finder struct {
	zone     zone
	here     state.Node
	settings *Settings
	snapshot *state.Snapshot

	ip   string // of who asks; empty when it is not known
	edns bool   // spoken by who asks
	// outside returns what others know of a name that is not of the zone. It
	// may block. Nil when there are no others.
	outside func(name string) []dns.RR
}

// asked is a question for a name of the zone.
type asked struct {
	dns.Question
	domain string // of the zone, as it was asked
	depth  int    // how many more names may be looked up on the way
}

const deepest = 3

// find answers a question for a name of the zone.
func (f *finder) find(q dns.Question) *answer {
	_, domain, _ := f.zone.split(q.Name)
	about := asked{q, domain, deepest}
	switch q.Qtype {
	case dns.TypeSOA:
		servers, glue := f.servers(about)
		return &answer{choices: only([]dns.RR{f.soa(q.Name)}, nil), authority: servers, extra: glue, fleeting: true}
	case dns.TypeNS:
		servers, glue := f.servers(about)
		return &answer{choices: only(servers, nil), extra: glue, fleeting: true}
	case dns.TypeAXFR:
		return &answer{rcode: dns.RcodeNotImplemented}
	}
	a, known := f.answer(about)
	if a.rcode == dns.RcodeNameError || a.rcode == dns.RcodeSuccess && known && len(a.choices) == 0 {
		a.authority = []dns.RR{f.soa(q.Name)}
	}
	return a
}

// none is the answer that there is no such name.
func none() *answer { return &answer{rcode: dns.RcodeNameError} }

// answer answers a question but for what is said of the zone. It reports
// whether that is to be said when there is no answer: Consul does so for
// services alone.
func (f *finder) answer(q asked) (a *answer, known bool) {
	n, ok := parse(strings.TrimSuffix(q.Name, q.domain), q.Qtype == dns.TypeSRV)
	if !ok {
		return none(), false
	}
	elsewhere := n.peer != "" || n.datacenter != "" && n.datacenter != f.here.Datacenter
	switch n.kind {
	case virtuals:
		return f.virtual(q, n), false
	case address:
		return f.address(q, n), false
	case nodes:
		if !slices.Contains(nodeTypes, q.Qtype) {
			return &answer{}, false
		}
		if node := f.snapshot.Node(n.label); node != nil && !elsewhere {
			return f.node(q, node), false
		}
		return none(), false
	}
	if elsewhere {
		return none(), false
	}
	switch n.kind {
	case services:
		a = f.service(q, f.snapshot.Instances(n.label), n)
	case connects:
		a = f.service(q, f.snapshot.MeshInstances(n.label), n)
	case queries:
		a = f.query(q, n.label)
	default: // there are no ingress gateways to reach a service through
		a = none()
	}
	return a, true
}

// service answers a question for those of the instances that are well enough
// and have the tag.
func (f *finder) service(q asked, instances []state.Instance, n name) *answer {
	tag := n.tag
	fit := instances[:0]
	for _, instance := range instances {
		if f.fits(instance.Checks) && (tag == "" || slices.ContainsFunc(instance.Service.Tags, func(own string) bool {
			return strings.ToLower(own) == tag
		})) {
			fit = append(fit, instance)
		}
	}
	if len(fit) == 0 {
		return none()
	}
	return f.instances(q, fit, f.settings.serviceTTL(n.label))
}

// fits reports whether checks let an instance be told.
func (f *finder) fits(checks []*state.Check) bool {
	for _, check := range checks {
		if check.Status == state.Critical || f.settings.OnlyPassing && check.Status != state.Passing {
			return false
		}
	}
	return true
}

// query answers a question with what a prepared query finds.
func (f *finder) query(q asked, idOrName string) *answer {
	found, err := query.Find(f.snapshot, idOrName)
	switch {
	case errors.Is(err, query.ErrNotFound):
		return none()
	case err != nil:
		return &answer{rcode: dns.RcodeServerFailure}
	}
	result := query.Run(f.snapshot, found, f.here, query.Asker{IP: f.ip})
	if len(result.Nodes) == 0 {
		return none()
	}
	ttl := f.settings.serviceTTL(result.Service)
	if result.DNS.TTL != "" {
		ttl, _ = time.ParseDuration(result.DNS.TTL) // it was looked at when the query was stored
	}
	a := f.instances(q, result.Nodes, ttl)
	a.ordered, a.local, a.fleeting = true, true, true
	return a
}

// instances answers a question with instances of a service.
func (f *finder) instances(q asked, instances []state.Instance, ttl time.Duration) *answer {
	a := &answer{}
	var aliases []choice
	for _, instance := range instances {
		answers, extra, named := f.instance(q, instance, ttl)
		a.fleeting = a.fleeting || named
		c := choice{answers: answers, extra: extra, weight: weight(instance)}
		switch {
		case q.Qtype == dns.TypeSRV:
			c.twin = socket(instance)
			if f.settings.NodeMetaTXT {
				c.extra = append(c.extra, nodeTexts(f.nodeName(instance.Node, q.domain), instance.Node, ttl)...)
			}
			a.choices = append(a.choices, c)
		case len(answers) == 0:
		default:
			c.twin = answers[0].String()
			if named {
				aliases = append(aliases, c)
			} else {
				a.choices = append(a.choices, c)
			}
		}
	}
	if q.Qtype == dns.TypeSRV {
		return a
	}
	if a.limit = f.settings.ARecordLimit; len(a.choices) == 0 {
		a.choices, a.limit = aliases, 1 // a name stands for one other name
	}
	return a
}

// virtual answers with the address that a service of the mesh has for
// transparent proxies, whatever is asked for. There are no peers.
func (f *finder) virtual(q asked, n name) *answer {
	a := &answer{}
	if ip := f.snapshot.VirtualAddress(n.label); ip != "" && n.peer == "" {
		name := strings.ToLower(strings.TrimSuffix(q.Name, q.domain)) + q.domain
		a.choices = only([]dns.RR{addressRecord(name, net.ParseIP(ip), seconds(f.settings.NodeTTL))}, nil)
	}
	return a
}

// address answers with the address that a name spells out, beside the answer
// when it is not what is asked for.
func (f *finder) address(q asked, n name) *answer {
	ip := unspell(n.label)
	if ip == nil {
		return none()
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name, q.domain)) + q.domain
	record := []dns.RR{addressRecord(name, ip, seconds(f.settings.NodeTTL))}
	if len(ip) == net.IPv6len { // also one that holds an IPv4 address
		record = []dns.RR{&dns.AAAA{Hdr: header(name, dns.TypeAAAA, seconds(f.settings.NodeTTL)), AAAA: ip}}
	}
	if q.Qtype == dns.TypeANY || q.Qtype == record[0].Header().Rrtype {
		return &answer{choices: only(record, nil), fleeting: true}
	}
	return &answer{extra: record}
}

// nodeTypes are what nodes are asked for.
var nodeTypes = []uint16{dns.TypeANY, dns.TypeA, dns.TypeAAAA, dns.TypeTXT}

// node answers a question for a node.
func (f *finder) node(q asked, node *state.Node) *answer {
	a := &answer{}
	var answers, extra []dns.RR
	if q.Qtype != dns.TypeTXT {
		answers, a.fleeting = f.nodeRecords(node, q.Qtype, q.Name, q.depth)
	}
	texts := nodeTexts(q.Name, node, f.settings.NodeTTL)
	switch {
	case q.Qtype == dns.TypeTXT || q.Qtype == dns.TypeANY:
		answers = append(answers, texts...)
	case f.settings.NodeMetaTXT:
		extra = texts
	}
	a.choices = only(answers, extra)
	return a
}
