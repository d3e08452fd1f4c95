package announce

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/pace"
)

// ownerKey is the key of the meta in which a [Registrar] says whose a
// registration is: the time of the announcement and a random text, with a slash
// between. Two processes under one id are told apart by it. A registration that
// is given to a registrar must not have it.
const ownerKey = "muster-owner"

// newOwner returns what nobody else has.
func newOwner(now time.Time) string {
	return now.UTC().Format(time.RFC3339) + "/" + rand.Text()
}

// ownerSince returns when an owner announced itself, or the zero time.
func ownerSince(owner string) time.Time {
	text, _, _ := strings.Cut(owner, "/")
	since, _ := time.Parse(time.RFC3339, text)
	return since
}

// owned returns r with the name of its owner.
func owned(r Registration, owner string) Registration {
	meta := maps.Clone(r.Meta)
	if meta == nil {
		meta = make(map[string]string)
	}
	meta[ownerKey] = owner
	r.Meta = meta
	return r
}

// TakenError says which living process has an id. It wraps [ErrTaken].
type TakenError struct {
	ID      string
	Node    string    // where it is registered; empty if unknown
	Address string    // host:port; empty if it has no port
	Since   time.Time // when it announced itself; zero if unknown
}

// Error says who has the id, and what to do.
func (e *TakenError) Error() string {
	var about []string
	if e.Address != "" {
		about = append(about, "at "+e.Address)
	}
	if e.Node != "" {
		about = append(about, "on node "+e.Node)
	}
	if !e.Since.IsZero() {
		about = append(about, "since "+e.Since.Format(time.RFC3339))
	}
	return strings.TrimSpace(fmt.Sprintf("%v: %q is announced by another process that lives, %s", ErrTaken, e.ID, strings.Join(about, ", "))) +
		": give each instance an id of its own"
}

// Unwrap returns ErrTaken.
func (e *TakenError) Unwrap() error { return ErrTaken }

func takenBy(i discover.Instance) *TakenError {
	e := &TakenError{ID: i.ID, Node: i.Node, Since: ownerSince(i.Meta[ownerKey])}
	if i.Port != 0 {
		e.Address = i.HostPort()
	}
	return e
}

// isRival reports whether i is announced by another registrar. What somebody
// registered by other means is nobody's.
func (r *Registrar) isRival(i discover.Instance) bool {
	owner := i.Meta[ownerKey]
	return owner != "" && owner != r.owner
}

// rival returns who else announces itself under our id, if anybody does and the
// registry tells.
func (r *Registrar) rival(ctx context.Context) (discover.Instance, bool) {
	if r.inspector == nil {
		return discover.Instance{}, false
	}
	held, err := r.inspector.Inspect(ctx, r.registration.ID)
	return held, err == nil && r.isRival(held)
}

// claim makes sure that no other living process has our id: the error is a
// *TakenError. One that died leaves it to us. Whether one without a port lives
// shows within the time in which its check would fail. It returns what the
// registry holds under the id, nil for nothing.
func (r *Registrar) claim(ctx context.Context) (*discover.Instance, error) {
	if r.inspector == nil {
		return nil, nil
	}
	patience := max(r.registration.Check.TTL, r.registration.Check.Interval, defaultTTL) + pace.Every
	for deadline := time.Now().Add(patience); ; {
		held, err := r.inspector.Inspect(ctx, r.registration.ID)
		switch {
		case errors.Is(err, ErrNotRegistered):
			return nil, nil
		case err != nil:
			return nil, err
		case !r.isRival(held) || r.holds(held):
			return &held, nil
		}
		switch r.life(ctx, held) {
		case dead:
			return &held, nil
		case living:
			return nil, takenBy(held)
		}
		if time.Now().After(deadline) {
			return nil, takenBy(held)
		}
		if pace.Sleep(ctx, claimPoll) != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// clear takes away what was left under our id, where its health would count as
// ours: a Consul keeps a check's status and text when the check is registered
// anew under its name, however it differs and whatever status it asks for.
// Between this and the registration nobody finds the instance, as nobody did
// before; what is passing stays, so that a restart in its place leaves no gap,
// unless a verdict is waited for, which must be of this process.
func (r *Registrar) clear(ctx context.Context, left *discover.Instance) error {
	if left == nil || left.Status == discover.Passing && !r.judged() {
		return nil
	}
	return r.registry.Deregister(ctx, r.registration.ID)
}

// claimPoll is how often an instance is looked at of which nobody can tell yet
// whether it lives.
const claimPoll = 250 * time.Millisecond

// holds reports whether i claims the very place where we listen: then the one
// who listened there before is gone.
func (r *Registrar) holds(i discover.Instance) bool {
	return i.Port != 0 && i.Port == r.registration.Port && i.Address == r.registration.Address
}

// life is what can be told of another process from here.
type life int

const (
	dead life = iota
	living
	unsure
)

// connectLimit is how long a living process may take to accept a connection.
const connectLimit = time.Second

// life tells whether the process behind i lives. Its check alone does not say:
// it is as old as the check's interval.
func (r *Registrar) life(ctx context.Context, i discover.Instance) life {
	if i.Status == discover.Critical {
		return dead
	}
	if i.Address == "" {
		i.Address = r.agentHost(ctx)
	}
	if i.Port == 0 || i.Address == "" {
		return unsure
	}
	bounded, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	conn, err := r.dial(bounded, "tcp", net.JoinHostPort(i.Address, strconv.Itoa(i.Port)))
	switch {
	case err == nil:
		_ = conn.Close() // it has said what it had to
		return living
	case ctx.Err() != nil:
		return unsure
	default:
		return dead
	}
}

// agentHost returns the address of the registry's agent, empty when it does
// not tell.
func (r *Registrar) agentHost(ctx context.Context) string {
	agent, ok := r.registry.(locator)
	if !ok {
		return ""
	}
	address, err := agent.AgentAddress(ctx)
	if err != nil {
		return ""
	}
	return address.String()
}
