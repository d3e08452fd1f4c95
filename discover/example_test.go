package discover_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/realjf/muster/discover"
)

func ExampleCache() {
	src := discover.Fixed(
		discover.Instance{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80},
		discover.Instance{ID: "web-2", Service: "web", Address: "2001:db8::2", Port: 80},
	)
	cache := discover.NewCache(src, discover.CacheConfig{})
	defer cache.Close()

	snapshot, err := cache.Get(context.Background(), discover.Query{Service: "web"})
	if err != nil {
		log.Fatal(err)
	}
	for _, instance := range snapshot.Instances {
		fmt.Println(instance.ID, instance.HostPort())
	}
	// Output:
	// web-1 10.0.0.1:80
	// web-2 [2001:db8::2]:80
}

// A list that is followed, until it is as one wants it.
func ExampleWatcher_Snapshots() {
	watcher := discover.Watch(discover.Fixed(
		discover.Instance{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80},
	), discover.Query{Service: "web"}, discover.WatchConfig{})
	defer watcher.Close()

	for snapshot := range watcher.Snapshots(context.Background()) {
		fmt.Println(snapshot.State(), len(snapshot.Instances))
		if len(snapshot.Instances) > 0 {
			break
		}
	}
	// Output: current 1
}

// What came and went. The first change has all that there are.
func ExampleWatcher_Changes() {
	watcher := discover.Watch(discover.Fixed(
		discover.Instance{ID: "web-1", Service: "web", Address: "10.0.0.1", Port: 80},
		discover.Instance{ID: "web-2", Service: "web", Address: "10.0.0.2", Port: 80},
	), discover.Query{Service: "web"}, discover.WatchConfig{})
	defer watcher.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for change := range watcher.Changes(ctx) {
		for _, instance := range change.Added {
			fmt.Println("connect to", instance.HostPort())
		}
		for _, instance := range change.Removed {
			fmt.Println("leave", instance.HostPort())
		}
		cancel() // a program goes on; this one has seen enough
	}
	// Output:
	// connect to 10.0.0.1:80
	// connect to 10.0.0.2:80
}

// Beside other events, a change is one more to select.
func ExampleWatcher_Changed() {
	watcher := discover.Watch(discover.Fixed(), discover.Query{Service: "web"}, discover.WatchConfig{})
	defer watcher.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	for {
		changed := watcher.Changed() // before Snapshot, to miss no change
		if snapshot, ok := watcher.Snapshot(); ok {
			fmt.Println("healthy:", len(snapshot.Instances))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
