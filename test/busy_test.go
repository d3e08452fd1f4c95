package test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// goneAtOnce is how long an instance that left may still be listed.
const goneAtOnce = time.Second

// leaveUnderLoad: Ctrl-C takes an instance out at once, and no request fails,
// neither to it nor to the others.
func leaveUnderLoad(s *scene) {
	// Checked so rarely that no check takes it out before it says so itself.
	rarely := []string{"-check.interval", "1m"}
	a, b, c := s.serve(rarely...), s.serve(rarely...), s.serve(rarely...)
	for _, v := range []*service{a, b, c} {
		s.sees(5*time.Second, v, a, b, c)
	}
	stay := []*service{b, c}
	// A client asks for the list, then calls an instance of it and asks that one.
	clients := gather(s.Context(), func(ctx context.Context, client *http.Client) error {
		_, instances, err := discover(ctx, client, stay[rand.IntN(len(stay))].url(""))
		if err != nil {
			return err
		}
		if len(instances) == 0 {
			return errors.New("the list is empty")
		}
		i := instances[rand.IntN(len(instances))]
		url := fmt.Sprintf("http://%s:%d", i.Address, i.Port)
		got, err := get(ctx, client, url+"/say-hello")
		if err == nil && got.status == http.StatusOK {
			got, _, err = discover(ctx, client, url)
		}
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("%s answers %v", i.ID, got)
		}
		return err
	})
	s.play(clients, 2*crowdSize)
	s.interrupt(a)
	s.sees(goneAtOnce, b, b, c)
	s.sees(goneAtOnce, c, b, c)
	s.left(a)
	s.play(clients, 2*crowdSize)
	s.sendHome(clients)
}

// comeAndGo: while instances start, leave and die, no question fails, none
// misses those that stay, and none lists one longer than its stated time.
func comeAndGo(s *scene) {
	a, b := s.serve(), s.serve()
	s.sees(5*time.Second, a, a, b)
	s.sees(5*time.Second, b, a, b)
	stay := []*service{a, b}
	var gone graves
	clients := gather(s.Context(), func(ctx context.Context, client *http.Client) error {
		asked := time.Now()
		got, instances, err := discover(ctx, client, stay[rand.IntN(len(stay))].url(""))
		if err != nil {
			return err
		}
		ports := portsOf(instances)
		for _, v := range stay {
			if !slices.Contains(ports, v.port) {
				return fmt.Errorf("%s is missing from %v", v.Name(), got)
			}
		}
		return gone.check(asked, ports)
	})
	for start := time.Now(); time.Since(start) < 10*time.Second; {
		c, d := s.launch(s.registryFlags()...), s.launch(s.registryFlags()...)
		s.ready(c)
		s.ready(d)
		s.sees(5*time.Second, a, a, b, c, d)
		s.interrupt(c)
		gone.bury(c, time.Now().Add(goneAtOnce))
		if err := d.End(); err != nil {
			s.Fatal(err)
		}
		gone.bury(d, time.Now().Add(checkInterval+slack))
		s.left(c)
		s.sees(checkInterval+slack, a, a, b)
	}
	s.pass(slack) // the last graves count too
	s.play(clients, 2*crowdSize)
	s.sendHome(clients)
}

// graves remembers since when an instance must not be listed any more, by
// port. The zero value is empty; it may be used concurrently.
type graves struct {
	mu    sync.Mutex
	since map[int]time.Time
}

func (g *graves) bury(v *service, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.since == nil {
		g.since = map[int]time.Time{}
	}
	g.since[v.port] = since
}

// check looks for the dead in an answer to a question asked at that time.
func (g *graves) check(asked time.Time, ports []int) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, port := range ports {
		if since, dead := g.since[port]; dead && asked.After(since) {
			return fmt.Errorf("port %d is still listed %s after its time", port, asked.Sub(since))
		}
	}
	return nil
}
