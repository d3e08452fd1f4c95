package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/host"
)

// DefaultHostInterval is how often the machine is looked at when nobody says.
const DefaultHostInterval = 10 * time.Second

// ErrHostAlone says that a definition names a bound of the machine and another
// target.
var ErrHostAlone = errors.New("a check of the machine (Host) looks at nothing else: give each a check of its own")

// validateHost returns why the bound that the definition names cannot work, or
// nil; it need not name one.
func (d Definition) validateHost() error {
	if d.Host == "" {
		return nil
	}
	for _, k := range kinds {
		if k.name != nameHost && k.chosen(d) {
			return ErrHostAlone
		}
	}
	if _, err := parseBound(d.Host); err != nil {
		return fmt.Errorf("bound %q: %w", d.Host, err)
	}
	return nil
}

// hostProbe holds a bound against the machine.
type hostProbe struct {
	bound bound
	asked chan looked // what was asked for and has not been told; nil for nothing
}

// looked is what a look at a gauge gave.
type looked struct {
	reading reading
	err     error
}

func newHost(_ *Runner, d Definition) prober {
	b, _ := parseBound(d.Host) // Validate saw to it
	return &hostProbe{bound: b}
}

// HostSubject returns what the definition is about that names a bound for the
// machine, "memory" or "disk:/var", and that bound in its usual form; two empty
// texts for a definition that names none, or a wrong one.
func (d Definition) HostSubject() (subject, text string) {
	b, err := parseBound(d.Host)
	if err != nil {
		return "", ""
	}
	return b.subject(), b.String()
}

// probe reads the gauge. A file system that is out of reach may not let go of
// who asks for it: then the question stays asked, and no other is.
func (p *hostProbe) probe(ctx context.Context) Result {
	if p.asked == nil {
		asked := make(chan looked, 1)
		p.asked = asked
		// Ends when the system answers. Nobody can end it, and nobody waits.
		go func() {
			r, err := p.bound.gauge.read(ctx, p.bound.path)
			asked <- looked{r, err}
		}()
	}
	began := time.Now()
	select {
	case seen := <-p.asked:
		p.asked = nil
		return p.bound.judge(seen.reading, seen.err)
	case <-ctx.Done():
		return Result{state.Critical, fmt.Sprintf("%s: the system gave no answer in %s", p.bound.forPeople(), time.Since(began).Round(time.Millisecond))}
	}
}

// judge says what a reading, or its error, means.
func (b bound) judge(r reading, err error) Result {
	subject := b.forPeople()
	switch {
	case errors.Is(err, host.ErrUnknown): // and nothing is known to be wrong
		return Result{state.Passing, fmt.Sprintf("%s: %v", subject, err)}
	case err != nil:
		return Result{state.Critical, fmt.Sprintf("%s: %v", subject, err)}
	}
	output := fmt.Sprintf("%s %s, limit %s", subject, r.text, b.limit.forPeople())
	if b.warning.unit != nil {
		output = fmt.Sprintf("%s %s, warning at %s, limit %s", subject, r.text, b.warning.forPeople(), b.limit.forPeople())
	}
	switch {
	case !b.keeps(r, b.limit):
		return Result{state.Critical, output}
	case b.warning.unit != nil && !b.keeps(r, b.warning):
		return Result{state.Warning, output}
	default:
		return Result{state.Passing, output}
	}
}

// keeps reports whether a reading is within a limit.
func (b bound) keeps(r reading, l limit) bool {
	if l.unit.measure == share {
		return b.gauge.within(100*r.value/r.total, l.value())
	}
	return b.gauge.within(r.value, l.value())
}
