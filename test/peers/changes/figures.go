package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// plan is what is measured.
type plan struct {
	registries []*registry.Registry
	kept       []*registry.Registry // on disk, each beside the one in memory; not started
	rounds     int
	changes    int // in a round
	rest       time.Duration
}

const (
	busy        = "busy" // the service whose probe changes
	busySize    = 100    // instances of it
	changeEvery = 200 * time.Millisecond
	few         = 150  // services at rest whose price is told apart
	many        = 1000 // services at rest
	away        = 10 * time.Second
	awayLimit   = time.Minute // within which a client must have come back
)

// place is a cell of the table: a client on a registry.
type place struct{ registry, client string }

// values are what was measured of a figure, by place.
type values map[place][]float64

// taken is what was measured.
type taken struct {
	delay, processor, back    values
	goroutines, memory        values // of one of few
	ms, mib, conns, perMinute values // of many
	most, mostTenth, last     values // of a crowd
}

func (p plan) take(ctx context.Context) (t taken, err error) {
	for _, v := range []*values{&t.delay, &t.processor, &t.back, &t.goroutines, &t.memory, &t.ms, &t.mib, &t.conns, &t.perMinute, &t.most, &t.mostTenth, &t.last} {
		*v = values{}
	}
	for _, r := range p.registries {
		if err := fill(ctx, r); err != nil {
			return t, err
		}
	}
	port := 20_000 // of the probe, another for each change
	for round := range p.rounds {
		for _, r := range p.registries {
			for i := range watchers {
				w := watchers[(i+round)%len(watchers)].name // nobody is always first
				if err := p.follow(ctx, r, place{r.Name, w}, &port, t); err != nil {
					return t, fmt.Errorf("%s follows changes in %s: %w", w, r.Name, err)
				}
			}
		}
		port++
		if err := at(p.registries, func(r *registry.Registry, at place) (func(), error) { return comeBack(ctx, r, at, port, t) }); err != nil {
			return t, fmt.Errorf("back after %s: %w", away, err)
		}
		fmt.Fprintf(os.Stderr, "round %d of %d\n", round+1, p.rounds)
	}
	for _, r := range p.registries { // with both there would be more sockets than some machines allow
		if err := at([]*registry.Registry{r}, func(r *registry.Registry, at place) (func(), error) { return atRest(ctx, r, at, p.rest, t) }); err != nil {
			return t, fmt.Errorf("at rest: %w", err)
		}
	}
	for n, r := range p.kept {
		for _, w := range watchers { // one after the other: a crowd wants the machine for itself
			if err := comeBackTogether(ctx, r, place{p.registries[n].Name, w.name}, t); err != nil {
				return t, fmt.Errorf("%d of %s come back to %s: %w", crowd, w.name, r.Name, err)
			}
		}
	}
	return t, nil
}

// at measures with all clients on the registries at once, where little is done.
// What each measured is taken over by the function that it returns.
func at(registries []*registry.Registry, measure func(*registry.Registry, place) (note func(), err error)) error {
	var all errgroup.Group
	notes := make(chan func(), len(registries)*len(watchers))
	for _, r := range registries {
		for _, w := range watchers {
			at := place{r.Name, w.name}
			all.Go(func() error {
				note, err := measure(r, at)
				if err != nil {
					return fmt.Errorf("%s at %s: %w", at.client, at.registry, err)
				}
				notes <- note
				return nil
			})
		}
	}
	err := all.Wait()
	close(notes)
	for note := range notes {
		note()
	}
	return err
}

// fill registers whom the clients follow.
func fill(ctx context.Context, r *registry.Registry) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for n := range busySize - 1 {
		address, port := hostPort(n)
		group.Go(func() error { return register(ctx, r, busy, fmt.Sprintf("%s-%d", busy, n), address, port) })
	}
	for _, service := range append([]string{busy}, own()...) {
		group.Go(func() error { return change(ctx, r, service, 1) })
	}
	for n, service := range quiet(many) {
		address, port := hostPort(n)
		group.Go(func() error { return register(ctx, r, service, service, address, port) })
	}
	return group.Wait()
}

// quiet returns the names of services that do not change.
func quiet(count int) []string {
	names := make([]string, count)
	for n := range names {
		names[n] = "quiet-" + strconv.Itoa(n)
	}
	return names
}

// change lets the probe of a service have another port.
func change(ctx context.Context, r *registry.Registry, service string, port int) error {
	return register(ctx, r, service, service+"-probe", probe, port)
}

func register(ctx context.Context, r *registry.Registry, service, id, address string, port int) error {
	body := fmt.Appendf(nil, `{"ID":%q,"Name":%q,"Address":%q,"Port":%d,"Tags":["blue","http"],"Meta":{"version":"1.2.3","zone":"a"}}`, id, service, address, port)
	return r.Put(ctx, "/v1/agent/service/register", bytes.NewReader(body))
}

// follow measures how soon a client knows of changes, and what it uses for them.
func (p plan) follow(ctx context.Context, r *registry.Registry, at place, port *int, t taken) (err error) {
	c, err := start(at.client, r.Address())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	if _, err := c.do(order{Tell: busy}); err != nil {
		return err
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	before, err := c.do(order{})
	if err != nil {
		return err
	}
	acknowledged := map[int]time.Time{}
	ticks := time.NewTicker(changeEvery)
	defer ticks.Stop()
	for range p.changes {
		*port++
		if err := change(ctx, r, busy, *port); err != nil {
			return err
		}
		acknowledged[*port] = time.Now()
		<-ticks.C
	}
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	after, err := c.do(order{})
	if err != nil {
		return err
	}
	known := 0
	for _, s := range after.Seen {
		if when, is := acknowledged[s.Port]; is {
			t.delay[at] = append(t.delay[at], milliseconds(s.At.Sub(when)))
			known++
		}
	}
	if known < p.changes {
		return fmt.Errorf("it was shown %d of %d changes", known, p.changes)
	}
	t.processor[at] = append(t.processor[at], milliseconds(after.Processor-before.Processor)/float64(p.changes))
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// own returns the names of services that one client follows alone, each.
func own() (names []string) {
	for _, w := range watchers {
		names = append(names, ownOf(w.name))
	}
	return names
}

func ownOf(client string) string { return "own-" + strings.ReplaceAll(client, " ", "-") }

// comeBack measures when a client that could not reach the registry for a
// while shows what changed meanwhile, from when it can again.
func comeBack(ctx context.Context, r *registry.Registry, at place, port int, t taken) (note func(), err error) {
	path, err := openRelay(r.Address())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, path.close()) }()
	c, err := start(at.client, path.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	service := ownOf(at.client)
	if _, err := c.do(order{Tell: service}); err != nil {
		return nil, err
	}
	if err := pause(ctx, time.Second); err != nil {
		return nil, err
	}
	if err := path.close(); err != nil {
		return nil, err
	}
	if err := pause(ctx, away/2); err != nil {
		return nil, err
	}
	if err := change(ctx, r, service, port); err != nil {
		return nil, err
	}
	if err := pause(ctx, away/2); err != nil {
		return nil, err
	}
	if err := path.open(); err != nil {
		return nil, err
	}
	back := time.Now()
	for time.Since(back) < awayLimit {
		if err := pause(ctx, changeEvery); err != nil {
			return nil, err
		}
		a, err := c.do(order{})
		if err != nil {
			return nil, err
		}
		if last := len(a.Seen) - 1; last >= 0 && a.Seen[last].Port == port {
			return func() { t.back[at] = append(t.back[at], milliseconds(a.Seen[last].At.Sub(back))) }, nil
		}
	}
	return nil, fmt.Errorf("it did not show what changed within %s", awayLimit)
}

// atRest measures what services that do not change cost a client: each of a few
// in a client of their own, and then many in another.
func atRest(ctx context.Context, r *registry.Registry, at place, rest time.Duration, t taken) (note func(), err error) {
	empty, full, err := keepFew(ctx, r, at)
	if err != nil {
		return nil, err
	}
	path, err := openRelay(r.Address())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, path.close()) }()
	c, err := start(at.client, path.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	before, err := c.do(order{Keep: quiet(many)})
	if err != nil {
		return nil, err
	}
	_, asked := path.counts()
	if err := pause(ctx, rest); err != nil {
		return nil, err
	}
	after, err := c.do(order{})
	if err != nil {
		return nil, err
	}
	open, requests := path.counts()
	return func() {
		t.goroutines[at] = append(t.goroutines[at], float64(full.Goroutines-empty.Goroutines)/few)
		t.memory[at] = append(t.memory[at], (float64(full.Memory)-float64(empty.Memory))/few/1024)
		t.ms[at] = append(t.ms[at], milliseconds(after.Processor-before.Processor)/rest.Seconds())
		t.mib[at] = append(t.mib[at], float64(after.Resident)/(1<<20))
		t.conns[at] = append(t.conns[at], float64(open))
		t.perMinute[at] = append(t.perMinute[at], float64(requests-asked)/rest.Minutes())
	}, nil
}

// keepFew returns what a client is like without a service and with a few.
func keepFew(ctx context.Context, r *registry.Registry, at place) (empty, full account, err error) {
	c, err := start(at.client, r.Address())
	if err != nil {
		return empty, full, err
	}
	defer func() { err = errors.Join(err, c.end()) }()
	if empty, err = c.do(order{Clean: true}); err != nil {
		return empty, full, err
	}
	if _, err = c.do(order{Keep: quiet(few)}); err != nil {
		return empty, full, err
	}
	if err = pause(ctx, 2*time.Second); err != nil { // until they all wait
		return empty, full, err
	}
	full, err = c.do(order{Clean: true})
	return empty, full, err
}
