package discovertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
)

// What uses a source is tested with one that the test drives.
func ExampleHand() {
	source := discovertest.NewHand()
	watcher := discover.Watch(source, discover.Query{Service: "web"}, discover.WatchConfig{})
	defer watcher.Close()

	web1 := discover.Instance{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80}
	sick := web1
	sick.Status = discover.Critical
	for snapshot := range watcher.Snapshots(context.Background()) {
		fmt.Printf("%s: %q\n", snapshot.State(), discovertest.IDs(snapshot.Instances))
		switch snapshot.State() {
		case discover.Empty:
			source.Set("web", web1)
		case discover.Current:
			source.Set("web", sick)
		case discover.AllOut:
			return
		}
	}
	// Output:
	// empty: ""
	// current: "web-1"
	// all out: ""
}

// A source of one's own passes the suite in a test of its own: TestMine, say.
func ExampleTestSource() {
	var t *testing.T // the test's
	discovertest.TestSource(t, func(t *testing.T) discovertest.Registry {
		source := discovertest.NewHand() // or your own
		known := map[string]discover.Instance{}
		tell := func() {
			var all []discover.Instance
			for _, i := range known {
				all = append(all, i)
			}
			source.Set("web", all...)
		}
		return discovertest.Registry{
			Source: source,
			Put:    func(_ *testing.T, i discover.Instance) { known[i.ID] = i; tell() },
			Remove: func(_ *testing.T, i discover.Instance) { delete(known, i.ID); tell() },
		}
	})
}

// A policy of one's own passes its suite.
func ExampleTestPolicy() {
	var t *testing.T // the test's
	discovertest.TestPolicy(t, balance.LeastRequest())
}

// What waits for a registry is tested with one that dies and comes back.
func ExampleOutage() {
	source := discovertest.NewOutage()
	source.Kill()
	cache := discover.NewCache(source, discover.CacheConfig{})
	defer cache.Close()
	_, err := cache.Get(context.Background(), discover.Query{Service: "web"})
	fmt.Println(errors.Is(err, discover.ErrUnavailable))
	// Output: true
}
