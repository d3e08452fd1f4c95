package test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	consul "github.com/hashicorp/consul/api"
)

// contenders is how many want to lead.
const contenders = 50

// leadInTurn: many contend for a lock with Consul's own client, and whoever
// leads is ended from outside. Never do two lead, each fence is higher than
// the one before, who was ended can write no more, and everyone gets its turn.
func leadInTurn(s *scene) {
	e := &election{scene: s}
	ends := []func(*contender) error{(*contender).endSession, (*contender).failCheck, (*contender).loseNode}
	var all sync.WaitGroup
	for n := range contenders {
		c := e.contender(fmt.Sprintf("contender-%d", n))
		all.Go(func() {
			if err := c.leadOnce(ends[n%len(ends)]); err != nil {
				s.Errorf("%s: %v", c.node, err)
			}
		})
	}
	all.Wait()
	if led := e.terms.Load(); led != contenders {
		s.Errorf("%d of %d contenders led", led, contenders)
	}
}

// nobodyLeadsTooSoon: while the lock-delay of a leader that was ended lasts,
// nobody takes its place; then anyone may.
func nobodyLeadsTooSoon(s *scene) {
	const delay = time.Second
	e := &election{scene: s}
	first, second := e.contender("first"), e.contender("second")
	for _, c := range []*contender{first, second} {
		if err := c.enter(delay, ""); err != nil {
			s.Fatal(err)
		}
	}
	if err := first.take(); err != nil {
		s.Fatal(err)
	}
	ended := time.Now()
	if err := first.endSession(); err != nil {
		s.Fatal(err)
	}
	s.eventually(delay+slack, "another leads", func(context.Context) error { return second.take() })
	if after := time.Since(ended); after < delay {
		s.Errorf("another led %s after the end of the first, before the lock-delay of %s was over", after, delay)
	}
}

// silentLeaderIsFollowed: a leader that does not renew its session loses it,
// not before its TTL is over and not later than after twice that.
func silentLeaderIsFollowed(s *scene) {
	const ttl = 10 * time.Second
	e := &election{scene: s}
	silent, next := e.contender("silent"), e.contender("next")
	began := time.Now()
	if err := silent.enter(0, ttl.String()); err != nil {
		s.Fatal(err)
	}
	if err := errors.Join(silent.take(), next.enter(0, "")); err != nil {
		s.Fatal(err)
	}
	s.eventually(2*ttl+slack, "another leads", func(context.Context) error { return next.take() })
	if after := time.Since(began); after < ttl {
		s.Errorf("another led after %s, before the TTL of %s was over", after, ttl)
	}
}

// election is a lock that contenders want, and what was seen of it.
type election struct {
	*scene
	leading      atomic.Int32
	fence, terms atomic.Uint64
}

// The keys of an election: the lock, and what leaders write.
const (
	lockKey = "election/leader"
	workKey = "election/work"
)

// contender wants to lead. It is a node without an agent, with a check that
// its session depends on, and has connections of its own.
type contender struct {
	*election
	node    string
	client  *consul.Client
	session string
}

func (e *election) contender(node string) *contender {
	e.Helper()
	transport := &http.Transport{}
	e.Cleanup(transport.CloseIdleConnections)
	client, err := consul.NewClient(&consul.Config{Address: e.registry.Address(), HttpClient: &http.Client{Transport: transport}})
	if err != nil {
		e.Fatal(err)
	}
	return &contender{election: e, node: node, client: client}
}

// enter makes the contender known and gives it a session.
func (c *contender) enter(delay time.Duration, ttl string) error {
	if err := c.check("passing"); err != nil {
		return err
	}
	var created struct{ ID string }
	// Consul's client cannot ask for no lock-delay at all.
	_, err := c.client.Raw().Write("/v1/session/create", map[string]any{
		"Node": c.node, "NodeChecks": []string{"alive"}, "LockDelay": delay.String(), "TTL": ttl,
	}, &created, nil)
	c.session = created.ID
	return err
}

func (c *contender) check(status string) error {
	_, err := c.client.Catalog().Register(&consul.CatalogRegistration{
		Node: c.node, Address: "10.0.0.1",
		Check: &consul.AgentCheck{Node: c.node, CheckID: "alive", Name: "alive", Status: status},
	}, nil)
	return err
}

// take takes the lock if it is free.
func (c *contender) take() error {
	taken, _, err := c.client.KV().Acquire(&consul.KVPair{Key: lockKey, Session: c.session}, nil)
	if err == nil && !taken {
		err = errors.New("the lock is not to be had")
	}
	return err
}

// leadOnce waits for the lock, leads, is ended, and sees that it is over.
func (c *contender) leadOnce(end func(*contender) error) error {
	if err := c.enter(0, ""); err != nil {
		return err
	}
	lock, err := c.client.LockOpts(&consul.LockOptions{Key: lockKey, Session: c.session})
	if err != nil {
		return err
	}
	over, cancel := context.WithTimeout(c.Context(), time.Minute)
	defer cancel()
	lost, err := lock.Lock(over.Done())
	if err != nil {
		return err
	}
	if lost == nil {
		return errors.New("did not get its turn")
	}
	if now := c.leading.Add(1); now != 1 {
		c.Errorf("%d lead at once", now)
	}
	entry, _, err := c.client.KV().Get(lockKey, nil)
	switch {
	case err != nil:
		return err
	case entry == nil || entry.Session != c.session:
		return fmt.Errorf("leads, and the lock is %+v", entry)
	case entry.LockIndex <= c.fence.Swap(entry.LockIndex):
		return fmt.Errorf("the fence %d is not higher than the one before", entry.LockIndex)
	}
	if written, err := c.work(); err != nil || !written {
		return fmt.Errorf("leads and cannot write: %t, %w", written, err)
	}
	c.terms.Add(1)
	c.leading.Add(-1) // from here on another may lead
	if err := end(c); err != nil {
		return err
	}
	if written, err := c.work(); err != nil || written {
		return fmt.Errorf("was ended and can still write: %t, %w", written, err)
	}
	select {
	case <-lost:
		return nil
	case <-over.Done():
		return errors.New("was ended and is not told")
	}
}

// work writes what only the leader may, and reports whether that was done.
func (c *contender) work() (done bool, err error) {
	done, _, _, err = c.client.Txn().Txn(consul.TxnOps{
		{KV: &consul.KVTxnOp{Verb: consul.KVCheckSession, Key: lockKey, Session: c.session}},
		{KV: &consul.KVTxnOp{Verb: consul.KVSet, Key: workKey, Value: []byte(c.node)}},
	}, nil)
	return done, err
}

// The ways in which a leader is ended from outside.

func (c *contender) endSession() error {
	_, err := c.client.Session().Destroy(c.session, nil)
	return err
}

func (c *contender) failCheck() error { return c.check("critical") }

func (c *contender) loseNode() error {
	_, err := c.client.Catalog().Deregister(&consul.CatalogDeregistration{Node: c.node}, nil)
	return err
}
