//go:build conformance

package conformance

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
)

// TestRandomQuestions asks a real Consul and muster random questions of the DNS
// about what the lists of names and of the mesh set up: the answers are the
// same. A question that differs is made as short as can be, and shown as a list
// has it.
func TestRandomQuestions(t *testing.T) {
	muster := agenttest.Start(t, func(c *agent.Config) { c.Node = nodeName })
	real := startConsul(t)
	consul := &registry{client: client(t), base: real.URL(""), dns: real.DNSAddress(), kept: map[string]string{}}
	ours := &registry{client: client(t), base: "http://" + muster.Addr, dns: muster.DNSAddr, kept: map[string]string{}}
	for _, name := range []string{"dns-names", "dns-mesh"} {
		requests, err := readRequests(list{name: name}.requestsFile())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range requests {
			if r.method == overDNS || r.differs != "" {
				continue
			}
			for _, g := range []*registry{consul, ours} {
				if answer, err := g.ask(r); err != nil || !strings.HasPrefix(answer, "200") {
					t.Fatalf("%s: %s, %v", r, answer, err)
				}
			}
		}
	}
	time.Sleep(4 * settle) // until its own node is complete
	set(t, "rapid.nofailfile", true)
	began := time.Now()
	for round := 1; !t.Failed() && (round <= rounds || time.Since(began) < *randomFor); round++ {
		seed := int64(round)
		if *randomFor > 0 {
			seed = began.UnixNano() + seed
		}
		set(t, "rapid.seed", seed)
		rapid.Check(t, func(t *rapid.T) {
			for range 10 {
				compareAnswers(t, anyQuestion.Draw(t, "question"), consul, ours)
			}
		})
	}
}

func compareAnswers(t *rapid.T, text string, consul, muster *registry) {
	r := request{method: overDNS, times: 1}
	r.path, r.body, _ = strings.Cut(text, " ")
	var answers [2]string
	var group errgroup.Group
	for n, g := range []*registry{consul, muster} {
		group.Go(func() (err error) {
			answers[n], err = g.ask(r)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if answers[0] != answers[1] && !meantAnswer.MatchString(text) {
		t.Fatalf("%s\ngot from muster:\n%s\n\nwant, as from Consul:\n%s", r, answers[1], answers[0])
	}
}

// meantAnswer matches questions to which muster answers otherwise on purpose;
// docs/compatibility.md says why: the zone is told once, and a service without a
// name is not there.
var meantAnswer = regexp.MustCompile(`arpa SOA$| _\.`)

// anyQuestion draws questions whose answers are whole: over TCP, or with EDNS.
var anyQuestion = rapid.Custom(func(t *rapid.T) string {
	words := []string{rapid.SampledFrom([]string{"+tcp", "+bufsize=4096", "+tcp +bufsize=512", "+bufsize=4096 +subnet=1.2.3.4/24"}).Draw(t, "how")}
	if rapid.IntRange(0, 9).Draw(t, "recursion") == 0 {
		words = append(words, "+norecurse")
	}
	labels := rapid.SliceOfN(rapid.SampledFrom(anyLabel), 0, 5).Draw(t, "labels")
	labels = append(labels, rapid.SampledFrom(anyEnd).Draw(t, "end"))
	return strings.Join(append(words, strings.Join(labels, "."), rapid.SampledFrom(anyType).Draw(t, "type")), " ")
})

var (
	anyLabel = []string{
		"web", "Web", "db", "tagged", "twice", "native", "Upper", "under_score", "ext", "inner", "primary", "v1", "2", "all", "well", "none",
		"_web", "_tcp", "_udp", "_primary", "_all", "_", "__odd", "_odd", "-", "*", "\\000", "\\.", "\\255",
		"service", "node", "query", "connect", "virtual", "ingress", "addr", "Service",
		"alpha", "beta", "delta", "dotted", "named", "Theta", "n1", "0a010001", "0A010001", "20010db8000000000000000000000044", "00",
		"dc1", "DC1", "dc2", "dc", "ns", "ap", "peer", "sg", "default",
	}
	anyEnd = []string{
		"consul", "consul", "consul", "service.consul", "service.consul", "service.dc1.consul", "node.consul", "query.consul", "connect.consul",
		"virtual.consul", "addr.consul", "CONSUL", "1.0.1.10.in-addr.arpa", "0.1.10.in-addr.arpa", "in-addr.arpa", "arpa", "example", "consul.example",
	}
	anyType = []string{"A", "A", "AAAA", "SRV", "SRV", "ANY", "TXT", "PTR", "SOA", "NS", "CNAME", "MX", "AXFR", "HTTPS"}
)
