package balance

import "sync"

// Attempts is what is remembered of one request by who is asked for an instance
// at each attempt and is not told which ones were before: a balancer of gRPC's, or
// of go-kit's. The zero value has none. Its methods may be called concurrently.
type Attempts struct {
	mu     sync.Mutex
	number int
	tried  []*Target
	room   [2]*Target // for the most
	cause  error      // how the latest that ended failed
}

// Choose has pick choose a target for r that the request was not sent to while
// there is one, and returns the attempt that begins: its target, its number and
// why it is made. The error is pick's. Others who choose wait meanwhile.
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

// Ended says how an attempt ended. With an error it is why there is a next one.
func (a *Attempts) Ended(err error) {
	if err == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cause = err
}
