package move

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"
)

// Fate is what becomes of a thing of a file in a registry.
type Fate string

// The fates.
const (
	New       Fate = "new"     // it is not there
	Same      Fate = "same"    // it is there as in the file
	Different Fate = "differs" // it is there, and otherwise
	Left      Fate = "left"    // it cannot come along as it is, and nobody is hurt
	Refused   Fate = "refused" // the registry would not take it
)

// Item is one thing of a file.
type Item struct {
	Kind Kind
	Name string
	Fate Fate
	Why  string // of what is left or refused, or how it is written otherwise than it stands in the file

	write func(context.Context) error
	pair  *api.KVPair     // of a key
	entry api.ConfigEntry // of a config entry
}

// Plan is what becomes of contents in one registry.
type Plan struct {
	Items []*Item
	// To is what the registry is called.
	To string

	to *registry
}

// NewPlan compares contents with what a registry has. It writes nothing.
func NewPlan(ctx context.Context, client *api.Client, contents *Contents, choice Choice) (*Plan, error) {
	to, err := ask(ctx, client)
	if err != nil {
		return nil, err
	}
	plan := &Plan{To: to.name(), to: to}
	for _, k := range kinds {
		if !choice.has(k.kind) {
			continue
		}
		items, err := k.plan(ctx, to, choice, contents)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			item.Kind = k.kind
		}
		plan.Items = append(plan.Items, items...)
	}
	for _, left := range contents.Left {
		if choice.has(left.Kind) {
			plan.Items = append(plan.Items, &Item{Kind: left.Kind, Name: left.Name, Fate: Left, Why: left.Reason})
		}
	}
	return plan, nil
}

// Of returns the items of a fate, in their order.
func (p *Plan) Of(fate Fate) []*Item {
	var found []*Item
	for _, item := range p.Items {
		if item.Fate == fate {
			found = append(found, item)
		}
	}
	return found
}

// Rehearse asks the registry whether it would take what could be written, as
// far as it can be asked without writing; what it would not becomes [Refused].
func (p *Plan) Rehearse(ctx context.Context) error {
	for _, item := range p.Items {
		if item.Kind != ConfigEntries || item.Fate != New && item.Fate != Different {
			continue
		}
		if err := rehearse(ctx, p.to, item); err != nil {
			return err
		}
	}
	return nil
}

// Write writes what is new, and what differs if that is to be overwritten. It
// tells after each step how much of a kind is written. After an error what was
// written stays, and another plan has the rest.
func (p *Plan) Write(ctx context.Context, overwrite bool, tell func(kind Kind, done, of int)) error {
	for _, k := range kinds {
		var pending []*Item
		for _, item := range p.Items {
			if item.Kind == k.kind && (item.Fate == New || overwrite && item.Fate == Different) {
				pending = append(pending, item)
			}
		}
		if len(pending) == 0 {
			continue
		}
		done := 0
		err := k.write(ctx, p.to, pending, func(n int) {
			done += n
			tell(k.kind, done, len(pending))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// writeEach writes items one after the other.
func writeEach(ctx context.Context, _ *registry, items []*Item, wrote func(int)) error {
	for _, item := range items {
		if err := item.write(ctx); err != nil {
			return fmt.Errorf("write %s: %w", item.Name, plain(err))
		}
		wrote(1)
	}
	return nil
}
