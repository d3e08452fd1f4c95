package move

import (
	"context"
	"time"

	"github.com/hashicorp/consul/api"
)

// Collect reads what a registry holds of what was chosen. The kinds are read
// one after the other while the registry goes on: what changes meanwhile is in
// there as it was before or after.
func Collect(ctx context.Context, client *api.Client, choice Choice) (*Contents, error) {
	from, err := ask(ctx, client)
	if err != nil {
		return nil, err
	}
	contents := &Contents{
		Written: time.Now().UTC().Truncate(time.Second),
		From:    Source{from.name(), from.self.Config.Datacenter, from.self.Config.NodeName, from.self.Member.Addr},
	}
	for _, k := range kinds {
		if !choice.has(k.kind) {
			continue
		}
		contents.Kinds = append(contents.Kinds, k.kind)
		if err := k.collect(ctx, from, choice, contents); err != nil {
			return nil, err
		}
	}
	return contents, nil
}

// leave notes what does not come along.
func (c *Contents) leave(kind Kind, name, reason string) {
	c.Left = append(c.Left, Leaving{kind, name, reason})
}

// Count returns how many things of a kind there are.
func (c *Contents) Count(kind Kind) int {
	switch kind {
	case ConfigEntries:
		return len(c.ConfigEntries)
	case Keys:
		return len(c.Keys)
	case Queries:
		return len(c.Queries)
	case Services:
		n := 0
		if c.Agent != nil {
			n = len(c.Agent.Services) + len(c.Agent.Checks)
		}
		for _, node := range c.Nodes {
			n += 1 + len(node.Services)
		}
		return n
	}
	return 0
}
