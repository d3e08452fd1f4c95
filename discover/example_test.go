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
