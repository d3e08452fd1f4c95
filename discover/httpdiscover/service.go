package httpdiscover

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/retry"
)

// service is one that is called: a watch that is followed, who chooses, and
// the connections to the instances. Its methods may be called concurrently.
type service struct {
	query    discover.Query
	base     *http.Transport
	follower *discover.Follower
	balancer *balance.Balancer
	budget   *retry.Budget
	pace     *retry.Percentile // of attempts until their headers; nil where nobody asks
	usual    *retry.Percentile // the time that nearly all of them take
	asides   sync.WaitGroup    // attempts that lost and have not ended yet, and checks

	users atomic.Int64 // requests under way, until the end of their response
	used  atomic.Bool  // since the sweeper came by

	ctx  context.Context // ends when the service is closed
	stop context.CancelFunc
	done chan struct{} // closed when the loop has ended

	mu     sync.RWMutex
	pools  map[endpoint]*pool // of those that can be chosen
	closed bool
}

const (
	// usualShare of the attempts are answered in the usual time, which is
	// usualFirst until some were.
	usualShare = 0.99
	usualFirst = time.Second / 3
	// usualTimes the usual time, and leastPatience at least, is how long an
	// instance may owe an answer before others are asked rather. To be wrong about it
	// costs little, as the others are there: it is enough not to take each
	// collection of garbage for a hang.
	usualTimes    = 3
	leastPatience = 10 * time.Millisecond
	// leastSilence is after how long one that was never answered counts against
	// its instance, at least, where [Retry.Timeout] does not say it.
	leastSilence = time.Second
)

// patience returns how long an instance may owe an answer before it is in doubt.
func (s *service) patience() time.Duration {
	return max(leastPatience, usualTimes*s.usual.Value())
}

// observe takes over how long an attempt took, or took at least.
func (s *service) observe(took time.Duration) {
	s.usual.Observe(took)
	if s.pace != nil {
		s.pace.Observe(took)
	}
}

// impatient is what a balancer follows so that a request waits for the registry's
// first answer no longer than for the first attempt to have one: a registry that
// is down is said at once, whether the request has a deadline or not. It knows
// those that can be dialled.
type impatient struct{ *discover.Follower }

// First implements [balance.Feed].
func (f impatient) First(ctx context.Context) (discover.Snapshot, error) {
	s, err := f.Tried(ctx)
	return balance.Dialable(s), err
}

// Snapshot implements [balance.Feed].
func (f impatient) Snapshot() (discover.Snapshot, bool) {
	s, answered := f.Follower.Snapshot()
	return balance.Dialable(s), answered
}

// endpoint is where requests are sent, and as what it must prove itself.
type endpoint struct {
	address    string
	port       int
	serverName string // "" for http
}

// newService begins to follow a service. It does not block. The caller closes
// it. The errors are those of [discover.Cache.Follow].
func newService(cache *discover.Cache, q discover.Query, policy balance.Policy, cfg Config, base *http.Transport) (*service, error) {
	follower, err := cache.Follow(q)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &service{
		query:    q,
		base:     base,
		follower: follower,
		balancer: balance.New(impatient{follower}, policy),
		budget:   retry.NewBudget(cfg.Retry.Budget),
		pace:     cfg.Hedge.pace(),
		usual:    retry.NewPercentile(usualShare, usualFirst),
		ctx:      ctx,
		stop:     stop,
		done:     make(chan struct{}),
		pools:    make(map[endpoint]*pool),
	}
	go s.run() // close stops it and waits
	return s, nil
}

// run retires the pools of instances that left, until the service is closed.
func (s *service) run() {
	defer close(s.done)
	for {
		changed := s.follower.Changed() // before the look, so as to miss nothing
		s.retire()
		select {
		case <-changed:
		case <-s.ctx.Done():
			return
		}
	}
}

// retire ends the pools of what cannot be chosen any more.
func (s *service) retire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.pools) == 0 {
		return
	}
	present := s.present()
	for where, p := range s.pools {
		if !present[endpoint{address: where.address, port: where.port}] {
			delete(s.pools, where)
			p.retire()
		}
	}
}

// present returns where the instances are that can be chosen.
func (s *service) present() map[endpoint]bool {
	snapshot, _ := s.follower.Snapshot()
	present := make(map[endpoint]bool, len(snapshot.Instances))
	for i := range snapshot.Instances {
		present[endpoint{address: snapshot.Instances[i].Address, port: snapshot.Instances[i].Port}] = true
	}
	return present
}

// pool returns the connections to an instance, for requests to a scheme and a
// host name.
func (s *service) pool(target *balance.Target, scheme, host string) *pool {
	where := endpoint{address: target.Address, port: target.Port}
	if scheme == "https" {
		where.serverName = host
	}
	s.mu.RLock()
	p := s.pools[where]
	s.mu.RUnlock()
	if p != nil {
		return p
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pools[where]; p != nil {
		return p
	}
	p = newPool(s.base, where)
	if s.closed || !s.present()[endpoint{address: where.address, port: where.port}] {
		p.retire() // it was chosen a moment ago, and has left
	} else {
		s.pools[where] = p
	}
	return p
}

// release says that a request has ended.
func (s *service) release() { s.users.Add(-1) }

// aside begins something that close waits for, unless it is too late for that.
func (s *service) aside(do func()) (begun bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false
	}
	s.asides.Go(do)
	return true
}

// close ends what follows the service, and waits for it, for attempts that lost
// and for checks. Requests under way finish, and their connections are closed then.
func (s *service) close() {
	defer s.asides.Wait()
	s.stop()
	<-s.done
	_ = s.balancer.Close() // it has no error to give, and neither has the follower
	_ = s.follower.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for where, p := range s.pools {
		delete(s.pools, where)
		p.retire()
	}
}
