package test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// awayFor is how long the registry is away: long enough that every watch has
// noticed.
const awayFor = 2 * time.Second

// registryComesBackEmpty: every list stays whole while the registry is away and
// while the instances return to it, and all are back within two seconds.
func registryComesBackEmpty(s *scene) {
	a, b := s.serve(), s.serve()
	s.sees(5*time.Second, a, a, b)
	s.sees(5*time.Second, b, a, b)

	watch := s.watch(func(ports []int) error {
		if len(ports) != 2 {
			return fmt.Errorf("the list has %d instances, and both live", len(ports))
		}
		return nil
	}, a, b)

	s.killRegistry()
	s.pass(awayFor)
	s.startRegistry()
	s.eventually(2*time.Second, "both are back and healthy", func(ctx context.Context) error {
		for _, v := range []*service{a, b} {
			e, err := s.entryOf(ctx, v)
			if err != nil {
				return err
			}
			if !e.passing() {
				return fmt.Errorf("%s is back, but %+v", v.Name(), e.Checks)
			}
		}
		return nil
	})
	s.sees(slack, a, a, b)
	s.sees(slack, b, a, b)
	watch.end()
}

// watch asks each service for the list, over and over, until end is called. An
// answer that is no list, or a list that wrong objects to, fails the story.
func (s *scene) watch(wrong func(ports []int) error, services ...*service) *watch {
	w := &watch{scene: s, over: make(chan struct{})}
	for _, v := range services {
		// Ends with w.end, which waits for it, or with the story.
		w.group.Go(func() error { return w.look(v, wrong) })
	}
	return w
}

type watch struct {
	*scene
	over  chan struct{}
	group errgroup.Group
}

func (w *watch) look(v *service, wrong func(ports []int) error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	for {
		got, instances, err := discover(w.Context(), http.DefaultClient, v.url(""))
		if err == nil && got.status != http.StatusOK {
			err = errors.New("it is not well")
		}
		if err == nil {
			err = wrong(portsOf(instances))
		}
		if err != nil {
			return fmt.Errorf("%s answers %v after %s: %w", v.Name(), got, time.Since(start), err)
		}
		select {
		case <-w.over:
			return nil
		case <-w.Context().Done():
			return w.Context().Err()
		case <-tick.C:
		}
	}
}

// end stops the watch and reports what was wrong.
func (w *watch) end() {
	w.Helper()
	close(w.over)
	if err := w.group.Wait(); err != nil {
		w.Error(err)
	}
}

// pass lets time pass that is part of the story, not a wait for something.
func (s *scene) pass(d time.Duration) {
	s.Helper()
	select {
	case <-time.After(d):
	case <-s.Context().Done():
		s.Fatal(s.Context().Err())
	}
}
