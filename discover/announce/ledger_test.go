package announce_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// ledger is a shelf that takes reports and tells what it holds, as a real
// registry does: an instance whose TTL ran out is critical. As a Consul it keeps
// the health of a check that is registered anew, whatever the new one says.
type ledger struct {
	*shelf

	mu      sync.Mutex
	held    map[string]announce.Registration
	status  map[string]discover.Status
	text    map[string]string
	heard   map[string]time.Time // when the check last got a result
	reports []report
	deaf    error // what reports are answered with
}

type report struct {
	at     time.Time
	status discover.Status
	text   string
}

func newLedger() *ledger {
	return &ledger{
		shelf:  newShelf(),
		held:   make(map[string]announce.Registration),
		status: make(map[string]discover.Status),
		text:   make(map[string]string),
		heard:  make(map[string]time.Time),
	}
}

func (l *ledger) Register(ctx context.Context, r announce.Registration) error {
	status := r.Check.Status
	if status == "" {
		status = discover.Passing
	}
	defined := r
	defined.Check = announce.HealthCheck{} // no part of the hash
	l.mu.Lock()                            // so that nobody sees the one without the other
	defer l.mu.Unlock()
	before, text := l.held[r.ID], ""
	if l.hash(r.ID) != "" && before.Check.Kind() != "" && r.Check.Kind() != "" {
		status, text = l.status[r.ID], l.text[r.ID]
	}
	if err := l.shelf.Register(ctx, defined); err != nil {
		return err
	}
	l.held[r.ID], l.status[r.ID], l.text[r.ID], l.heard[r.ID] = r, status, text, time.Now()
	return nil
}

// judge sets what a check finds.
func (l *ledger) judge(id string, status discover.Status, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status[id], l.text[id], l.heard[id] = status, text, time.Now()
}

// judged returns what was found last.
func (l *ledger) judged(id string) discover.Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.status[id]
}

// uncheck takes the check of id away and leaves its registration.
func (l *ledger) uncheck(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.held[id]
	r.Check = announce.HealthCheck{}
	l.held[id] = r
}

func (l *ledger) Report(ctx context.Context, id string, status discover.Status, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf != nil {
		return l.deaf
	}
	if l.hash(id) == "" || l.held[id].Check.TTL == 0 {
		return fmt.Errorf("report on %q: %w", id, announce.ErrNotRegistered)
	}
	l.status[id], l.text[id], l.heard[id] = status, text, time.Now()
	l.reports = append(l.reports, report{time.Now(), status, text})
	return nil
}

func (l *ledger) Inspect(ctx context.Context, id string) (discover.Instance, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hash(id) == "" {
		return discover.Instance{}, fmt.Errorf("inspect %q: %w", id, announce.ErrNotRegistered)
	}
	r := l.held[id]
	i := discover.Instance{ID: id, Service: r.Service, Address: r.Address, Port: r.Port, Meta: r.Meta, Node: "here", Status: l.status[id]}
	if ttl := r.Check.TTL; ttl > 0 && time.Since(l.heard[id]) > ttl {
		i.Status = discover.Critical
	}
	if i.Status != discover.Passing {
		i.Reason = "check: " + l.text[id]
		if l.text[id] == "" {
			i.Reason += string(i.Status)
		}
	}
	return i, nil
}

// told returns the reports so far.
func (l *ledger) told() []report {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]report(nil), l.reports...)
}

// owner returns whose id is.
func (l *ledger) owner(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[id].Meta[ownerKey]
}

// network is which addresses take connections.
type network struct {
	mu   sync.Mutex
	open map[string]bool
}

func (n *network) set(address string, open bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open == nil {
		n.open = make(map[string]bool)
	}
	n.open[address] = open
}

func (n *network) dial(_ context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.open[address] {
		return nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	_ = theirs.Close()
	return ours, nil
}

// kept returns what is registered under id.
func (l *ledger) kept(id string) announce.Registration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[id]
}
