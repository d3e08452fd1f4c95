package balance

import "sync"

// Attempts remembers the attempts of one request for balancers that are not
// told of them, as gRPC's and go-kit's. The zero value works. Its methods may
// be called concurrently.
type Attempts struct {
	mu     sync.Mutex
	number int
	tried  []*Target
	room   [2]*Target // for the most
	cause  error      // how the latest that ended failed
}

// Choose has pick choose a target for r, if possible a new one, and returns the
// attempt that begins: Target, Number and Cause. The error is pick's.
// Concurrent calls wait for each other.
func (a *Attempts) Choose(r Request, pick func(Request) (*Target, error)) (Attempt, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tried == nil {
		a.tried = a.room[:0]
	}
	r.Tried = a.tried
	t, err := pick(r)
	if err != nil {
		return Attempt{}, err
	}
	a.tried = append(a.tried, t)
	a.number++
	return Attempt{Target: t, Number: a.number, Cause: a.cause}, nil
}

// Ended says how an attempt ended: an error is the Cause of the next.
func (a *Attempts) Ended(err error) {
	if err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cause = err
}
