//go:build conformance

package conformance

import (
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	processes "github.com/realjf/muster/test/registry"
)

var record = flag.Bool("record", false, "write the transcripts of what Consul answers")

// settle is how long an agent of Consul's may take to bring what it was told
// into the catalog.
const settle = 250 * time.Millisecond

// awake is when an agent of Consul's has compared itself with the catalog for
// the first time, up to 3 seconds after there is a leader. It learns the virtual
// addresses of its proxies then, and not again for a minute.
const awake = 5 * time.Second

// startConsul runs a real Consul until the test ends, with more arguments.
func startConsul(t *testing.T, more ...string) *processes.Registry {
	t.Helper()
	path, err := filepath.Abs("../../.bin/consul")
	if err != nil {
		t.Fatal(err)
	}
	kind := processes.Consul(path)
	args := kind.Args
	kind.Args = func(ports processes.Ports) ([]string, error) {
		all, err := args(ports)
		return slices.Concat(all, []string{"-node", nodeName}, more), err
	}
	consul, err := processes.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := consul.End(); err != nil {
			t.Errorf("end Consul: %v", err)
		}
	})
	if err := consul.Start(t.Context()); err != nil {
		t.Fatalf("start a real Consul (make consul builds it): %v", err)
	}
	return consul
}

// TestTranscriptIsConsuls asks a real Consul everything in the lists, and
// compares with the transcripts that muster is held against.
func TestTranscriptIsConsuls(t *testing.T) {
	lists, err := readLists()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel() // each has a Consul of its own, and waits most of the time
			compareConsul(t, l)
		})
	}
}

// reads reports whether a request changes nothing.
func (r request) reads() bool { return r.method == http.MethodGet || r.method == overDNS }

// compareConsul asks a fresh Consul the requests of a list.
func compareConsul(t *testing.T, l list) {
	consul := startConsul(t, l.flags(t)...)
	time.Sleep(awake)
	asked := registry{client: client(t), base: consul.URL(""), dns: consul.DNSAddress(), kept: map[string]string{}, targets: startTargets(t, l)}
	if *record {
		answers := make([]string, len(l.requests))
		for n, r := range l.requests {
			answers[n] = askConsul(t, asked, r)
		}
		if err := l.writeTranscript(answers); err != nil {
			t.Fatal(err)
		}
		return
	}
	recorded, err := l.readTranscript()
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range l.requests {
		got := askConsul(t, asked, r)
		// On a busy machine an agent of Consul's takes longer than settle to
		// bring a change into the catalog: a read waits for it.
		for deadline := time.Now().Add(40 * settle); got != recorded[n] && r.reads() && time.Now().Before(deadline); {
			time.Sleep(settle)
			got = askConsul(t, asked, r)
		}
		if got != recorded[n] {
			t.Errorf("%s\ngot from Consul:\n%s\n\nrecorded:\n%s", r, got, recorded[n])
		}
	}
}

// askConsul asks one request, and leaves the agent time to bring what it
// changed into the catalog.
func askConsul(t *testing.T, asked registry, r request) string {
	t.Helper()
	answer, err := asked.ask(r)
	if err != nil {
		t.Fatal(err)
	}
	if !r.reads() && strings.HasPrefix(answer, "200") {
		time.Sleep(settle)
	}
	return answer
}

// writeTranscript writes the answers to the requests of a list.
func (l list) writeTranscript(answers []string) error {
	var out strings.Builder
	for n, r := range l.requests {
		out.WriteString(between + r.String() + "\n" + answers[n] + "\n")
	}
	return os.WriteFile(l.transcriptFile(), []byte(out.String()), 0o644)
}
