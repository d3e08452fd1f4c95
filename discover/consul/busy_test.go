package consul_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/discovertest"
)

// busy is a registry that answers once, and refuses from then on.
type busy struct {
	status int
	text   string

	mu    sync.Mutex
	asked []time.Time
}

func (b *busy) RoundTrip(request *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, time.Now())
	status, text := b.status, b.text
	if len(b.asked) == 1 {
		status, text = http.StatusOK, `[{"Node":{"Address":"10.0.0.1"},"Service":{"ID":"1","Service":"web","Port":80},"Checks":[]}]`
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"X-Consul-Index": {"7"}, "Retry-After": {"1"}},
		Body: io.NopCloser(strings.NewReader(text)), Request: request,
	}, nil
}

// TestARegistryThatRefusesIsLeftAlone: who is told to try again does so in a
// second or two, each at another time, and keeps its list. Others try sooner.
func TestARegistryThatRefusesIsLeftAlone(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		text   string
		left   bool
	}{
		{"muster has too much to do", 503, "the registry has more to do than it can; try again in a second", true},
		{"Consul's limit of reads", 429, "rate limit exceeded, try again later or against a different server", true},
		{"Consul's limit of writes", 503, "rate limit exceeded for operation that can only be performed by the leader, try again later", true},
		{"it shuts down", 503, "the registry is shutting down; ask again", false},
		{"it fails", 500, "No cluster leader", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				registry := &busy{status: tc.status, text: tc.text}
				w := discover.Watch(consulAt(t, "registry:8500", registry, consul.Config{}), web, discover.WatchConfig{})
				defer w.Close()
				if _, err := w.First(t.Context()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if s, _ := w.Snapshot(); discovertest.IDs(s.Instances) != "1" || s.Err == nil {
					t.Errorf("the list is %q, error %v; want the last one, and why", discovertest.IDs(s.Instances), s.Err)
				}
				registry.mu.Lock()
				defer registry.mu.Unlock()
				asked := registry.asked
				// The first refusal follows the answer at once.
				soonest, longest := time.Hour, time.Duration(0)
				for n := 2; n < len(asked); n++ {
					wait := asked[n].Sub(asked[n-1])
					soonest, longest = min(soonest, wait), max(longest, wait)
				}
				switch {
				case tc.left && (soonest < time.Second || longest > 2*time.Second || longest-soonest < time.Second/10):
					t.Errorf("asked %d times, after %s to %s, want each after one to two seconds", len(asked), soonest, longest)
				case !tc.left && soonest > time.Second:
					t.Errorf("asked after %s, want sooner", soonest)
				}
			})
		})
	}
}
