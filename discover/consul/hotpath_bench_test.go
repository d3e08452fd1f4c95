package consul_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/consul/api/watch"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// registryVariable has this program be a registry of its own process, until its
// input ends.
const registryVariable = "MUSTER_TEST_REGISTRY"

func TestBeARegistry(t *testing.T) {
	if os.Getenv(registryVariable) == "" {
		t.Skip("no test: the benchmarks run it as a process of its own, to have a registry there")
	}
	fmt.Println("address", agenttest.Start(t).Addr)
	_, _ = io.Copy(io.Discard, os.Stdin) // any end will do
}

// apart runs a registry in another process, and returns its address.
func apart(b *testing.B) string {
	b.Helper()
	command := exec.Command(os.Args[0], "-test.run=^TestBeARegistry$")
	command.Env = append(os.Environ(), registryVariable+"=1")
	input, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = input.Close(); _ = command.Wait() })
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if address, is := strings.CutPrefix(lines.Text(), "address "); is {
			return address
		}
	}
	b.Fatal("the registry did not start")
	return ""
}

// BenchmarkChangeSeen is the time from the registry's acknowledgement of a change
// of one instance to the new list in a client that rested before: its median,
// beside that of a plan of Consul's client, where the service has no other
// instance, and where it has 99.
func BenchmarkChangeSeen(b *testing.B) {
	address := apart(b)
	settings := &api.Config{Address: address}
	client, err := api.NewClient(&api.Config{Address: address})
	if err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[int]time.Time{} // when, by port
	note := func(port int) {
		mu.Lock()
		defer mu.Unlock()
		if _, known := seen[port]; !known {
			seen[port] = time.Now()
		}
	}
	measure := func(b *testing.B, service string, others int) {
		for n := range others {
			if err := client.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: fmt.Sprint(service, "-", n), Name: service}); err != nil {
				b.Fatal(err)
			}
		}
		var delays []time.Duration
		for port := 1; b.Loop(); port++ {
			time.Sleep(100 * time.Millisecond) // what the loops' pace allows
			if err := client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: service, Port: port}); err != nil {
				b.Fatal(err)
			}
			acknowledged := time.Now()
			for at := (time.Time{}); at.IsZero(); time.Sleep(time.Millisecond) {
				mu.Lock()
				at = seen[port]
				mu.Unlock()
				if !at.IsZero() {
					delays = append(delays, at.Sub(acknowledged))
				}
			}
		}
		slices.Sort(delays)
		b.ReportMetric(float64(delays[len(delays)/2]), "ns-median")
		b.ReportMetric(0, "ns/op") // which is the pause
		mu.Lock()
		defer mu.Unlock()
		clear(seen)
	}
	for _, others := range []int{0, 99} {
		b.Run(fmt.Sprint("muster-", others+1), func(b *testing.B) {
			service := fmt.Sprint("ours-", others)
			registry, err := consul.New(settings, consul.Config{})
			if err != nil {
				b.Fatal(err)
			}
			defer registry.CloseIdleConnections()
			w := discover.Watch(registry, discover.Query{Service: service}, discover.WatchConfig{})
			defer w.Close()
			go func() { // ends with the watch
				for s := range w.Snapshots(b.Context()) {
					for _, i := range s.Instances {
						note(i.Port)
					}
				}
			}()
			measure(b, service, others)
		})
		b.Run(fmt.Sprint("watch-plan-", others+1), func(b *testing.B) {
			service := fmt.Sprint("theirs-", others)
			plan, err := watch.Parse(map[string]any{"type": "service", "service": service})
			if err != nil {
				b.Fatal(err)
			}
			plan.Handler = func(_ uint64, answer any) {
				for _, entry := range answer.([]*api.ServiceEntry) {
					note(entry.Service.Port)
				}
			}
			ended := make(chan error, 1)
			go func() { ended <- plan.RunWithClientAndHclog(client, nil) }() // awaited below
			measure(b, service, others)
			plan.Stop()
			<-ended
		})
	}
}

// BenchmarkWatchAtRest is what a watch costs that waits: of 1,000 in a process,
// each of a service of its own with one instance.
func BenchmarkWatchAtRest(b *testing.B) {
	const size = 1000
	address := apart(b)
	client, err := api.NewClient(&api.Config{Address: address})
	if err != nil {
		b.Fatal(err)
	}
	for n := range size {
		if err := client.Agent().ServiceRegister(&api.AgentServiceRegistration{Name: fmt.Sprint("web-", n), Port: 80}); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		registry, err := consul.New(&api.Config{Address: address}, consul.Config{Wait: 10 * time.Minute})
		if err != nil {
			b.Fatal(err)
		}
		held := func() (heap, stacks uint64, goroutines int) {
			runtime.GC()
			runtime.GC() // what pools kept, too
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc, m.StackInuse, runtime.NumGoroutine()
		}
		heap, stacks, goroutines := held()
		var all []*discover.Watcher
		for n := range size {
			w := discover.Watch(registry, discover.Query{Service: fmt.Sprint("web-", n)}, discover.WatchConfig{})
			if _, err := w.First(b.Context()); err != nil {
				b.Fatal(err)
			}
			all = append(all, w)
		}
		time.Sleep(time.Second) // until all wait
		heapAfter, stacksAfter, running := held()
		b.ReportMetric((float64(heapAfter)-float64(heap))/1024/size, "heap-KiB/watch")
		b.ReportMetric((float64(stacksAfter)-float64(stacks))/1024/size, "stacks-KiB/watch")
		b.ReportMetric(float64(running-goroutines)/size, "goroutines/watch")
		for _, w := range all {
			w.Close()
		}
		registry.CloseIdleConnections()
	}
}
