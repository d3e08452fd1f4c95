package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/realjf/muster/test/registry"
)

// A crowd is programs that follow services, all of which lose the registry at
// once and come back at once.
const (
	programs = 10
	each     = 100 // services that a program follows, the same as the others
	crowd    = programs * each
)

// crowded returns the names of the services that a crowd follows.
func crowded() []string {
	names := make([]string, each)
	for n := range names {
		names[n] = "crowded-" + strconv.Itoa(n)
	}
	return names
}

// comeBackTogether measures what comes over a registry that is killed, away for a
// while and started again at the same port, when all that followed services in it
// come back, and when the last of them shows what is there now: all that is followed
// changes before anybody is let in.
func comeBackTogether(ctx context.Context, r *registry.Registry, at place, t taken) (err error) {
	const before, after = 1, 2 // ports of the probes
	defer func() { err = errors.Join(err, r.End()) }()
	if err := r.Start(ctx); err != nil {
		return err
	}
	if err := changeAll(ctx, r, before); err != nil {
		return err
	}
	path, err := openRelay(r.Address())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, path.close()) }()
	clients, err := startAll(at.client, path.address)
	defer func() { err = errors.Join(err, endAll(clients)) }()
	if err != nil {
		return err
	}
	if _, err := doAll(clients, order{Each: crowded()}); err != nil {
		return err
	}
	if err := pause(ctx, 2*time.Second); err != nil { // until they all wait
		return err
	}
	if err := errors.Join(path.close(), r.End()); err != nil {
		return err
	}
	if err := pause(ctx, away); err != nil {
		return err
	}
	if err := r.Start(ctx); err != nil {
		return err
	}
	if err := changeAll(ctx, r, after); err != nil {
		return err
	}
	back := time.Now()
	if err := path.open(); err != nil {
		return err
	}
	for time.Since(back) < awayLimit {
		if err := pause(ctx, changeEvery); err != nil {
			return err
		}
		accounts, err := doAll(clients, order{})
		if err != nil {
			return err
		}
		if last, all := lastOf(accounts, after); all {
			t.last[at] = append(t.last[at], milliseconds(last.Sub(back)))
			if err := pause(ctx, 2*time.Second); err != nil { // in which they ask again
				return err
			}
			t.most[at] = append(t.most[at], float64(path.most(back, time.Second)))
			t.mostTenth[at] = append(t.mostTenth[at], float64(path.most(back, time.Second/10)))
			return nil
		}
	}
	return fmt.Errorf("they did not all show what changed within %s", awayLimit)
}

// lastOf returns when the last service of a crowd was seen with a port, and
// whether all were.
func lastOf(accounts []account, port int) (last time.Time, all bool) {
	for _, a := range accounts {
		for _, s := range a.Latest {
			if s.Port != port {
				return last, false
			}
			if s.At.After(last) {
				last = s.At
			}
		}
	}
	return last, true
}

// changeAll lets the probe of each service that a crowd follows have a port.
func changeAll(ctx context.Context, r *registry.Registry, port int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, service := range crowded() {
		group.Go(func() error { return change(ctx, r, service, port) })
	}
	return group.Wait()
}

// startAll starts the programs of a crowd, and returns those that it could start.
func startAll(name, address string) (clients []*client, err error) {
	for range programs {
		c, err := start(name, address)
		if err != nil {
			return clients, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// doAll gives all an order at the same time, and returns their accounts.
func doAll(clients []*client, o order) ([]account, error) {
	var all errgroup.Group
	accounts := make([]account, len(clients))
	for n, c := range clients {
		all.Go(func() (err error) {
			accounts[n], err = c.do(o)
			return err
		})
	}
	err := all.Wait()
	return accounts, err
}

func endAll(clients []*client) error {
	var errs []error
	for _, c := range clients {
		errs = append(errs, c.end())
	}
	return errors.Join(errs...)
}
