package check

import (
	"context"
	"fmt"

	"github.com/realjf/muster/agent/state"
)

// Aliased is what a check sees that is an alias of a service, or of a node:
// the checks of both, and whether there is such a service.
type Aliased struct {
	Checks []*state.Check
	Known  bool
	// Closed when it may be out of date: with the checks, and with whether
	// there is such a service. Nil is never.
	Changed, Moved <-chan struct{}
}

// Aliases returns what a check sees that is an alias of a service on a node.
// Without a node it is the agent's own; without a service, the node alone. It
// must not block.
type Aliases func(node, service string) Aliased

// aliasProbe takes its status from the checks of another service. It looks
// again when one of them changes, and at no other time.
type aliasProbe struct {
	node, service string
	look          Aliases
}

func newAlias(r *Runner, d Definition) prober {
	return &aliasProbe{d.AliasNode, d.AliasService, r.aliases}
}

// probe returns what is known now.
func (p *aliasProbe) probe(context.Context) Result {
	return p.look(p.node, p.service).Result(p.node, p.service)
}

// watch reports what is known now and at each change, until ctx ends.
func (p *aliasProbe) watch(ctx context.Context, report func(Result)) {
	for ctx.Err() == nil {
		seen := p.look(p.node, p.service)
		report(seen.Result(p.node, p.service))
		select {
		case <-seen.Changed:
		case <-seen.Moved:
		case <-ctx.Done():
			return
		}
	}
}

// Result returns the status of an alias of the service on the node: the worst
// of what it sees. The rules and the texts are Consul's.
func (a Aliased) Result(node, service string) Result {
	result := Result{state.Passing, "No checks found."}
	known := a.Known
	for _, c := range a.Checks {
		known = known || c.ServiceID == service
		switch {
		case result.Status == state.Critical: // it cannot be worse
		case c.Status == state.Critical, c.Status == state.Warning:
			result = Result{c.Status, fmt.Sprintf("Aliased check %q failing: %s", c.Name, c.Output)}
		case result.Status == state.Passing:
			result.Output = "All checks passing."
		}
	}
	if !known {
		return Result{state.Critical, fmt.Sprintf("Service %s could not be found on node %s", service, node)}
	}
	return result
}
