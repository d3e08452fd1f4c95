package chain

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/mitchellh/hashstructure"

	"github.com/realjf/muster/agent/mesh"
)

// findCircle returns an error when a way through the graph comes back to where
// it was. It does not look again from where it found none.
func (c *compiler) findCircle(key string, way []string, none map[string]bool) error {
	if none[key] {
		return nil
	}
	been := slices.Contains(way, key)
	way = append(slices.Clip(way), key)
	if been {
		return fmt.Errorf("detected circular reference: [%s]", strings.Join(way, " -> "))
	}
	for _, next := range slices.Backward(c.nodes[key].next()) { // the last first, as in Consul
		if err := c.findCircle(next, way, none); err != nil {
			return err
		}
	}
	none[key] = true
	return nil
}

// maxParts bounds the parts of a splitter. No proxy could do with more, and
// splitters that lead to each other have as many as the product of theirs.
const maxParts = 10_000

// flatten puts the parts of a splitter in the place of each part of another
// one that leads to it.
func (c *compiler) flatten() error {
	for changed := true; changed; {
		changed = false
		for _, node := range c.nodes {
			var flat []*Split
			for _, outer := range node.Splits {
				next := c.nodes[outer.NextNode]
				if next.Type != splitter {
					flat = append(flat, outer)
					continue
				}
				changed = true
				for _, inner := range next.Splits {
					flat = append(flat, &Split{
						Definition: within(outer.Definition, inner.Definition),
						Weight:     mesh.RoundWeight(outer.Weight * inner.Weight / 100),
						NextNode:   inner.NextNode,
					})
				}
				if len(flat) > maxParts {
					return fmt.Errorf("discovery chain %q splits requests into more than %d parts", c.request.Service, maxParts)
				}
			}
			node.Splits = flat
		}
	}
	return nil
}

// within returns a part of a splitter that is reached by way of another one's:
// requests pass the outer first, answers the inner.
func within(outer, inner *mesh.ServiceSplit) *mesh.ServiceSplit {
	merged := *inner
	merged.RequestHeaders = modified(outer.RequestHeaders, inner.RequestHeaders)
	merged.ResponseHeaders = modified(inner.ResponseHeaders, outer.ResponseHeaders)
	return &merged
}

// modified returns what two modifiers do, one after the other.
func modified(first, then *mesh.HTTPHeaderModifiers) *mesh.HTTPHeaderModifiers {
	switch {
	case first == nil:
		return then
	case then == nil:
		return first
	}
	both := &mesh.HTTPHeaderModifiers{Add: merged(first.Add, then.Add), Set: merged(first.Set, then.Set), Remove: slices.Clone(first.Remove)}
	for _, name := range then.Remove {
		if !slices.Contains(both.Remove, name) {
			both.Remove = append(both.Remove, name)
		}
	}
	return both
}

func merged(a, b map[string]string) map[string]string {
	if len(a)+len(b) == 0 {
		return nil
	}
	all := map[string]string{}
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

// prune forgets nodes and targets to which nothing leads.
func (c *compiler) prune(start string) {
	reached := map[string]bool{}
	var reach func(string)
	reach = func(key string) {
		if !reached[key] {
			reached[key] = true
			for _, next := range c.nodes[key].next() {
				reach(next)
			}
		}
	}
	reach(start)
	maps.DeleteFunc(c.nodes, func(key string, _ *Node) bool { return !reached[key] })
	maps.DeleteFunc(c.targets, func(id string, _ *Target) bool { return !c.used[id] })
}

// isDefault reports whether the chain is what all services have that nothing is
// configured of.
func (c *compiler) isDefault(start *Node) bool {
	return start.Type == resolver && start.Resolver.Default && c.targets[start.Resolver.Target].Service == c.request.Service
}

// customizationHash tells chains apart whose overrides differ in effect; empty
// where none had any.
func (c *compiler) customizationHash() (string, error) {
	if c.notPlain {
		c.customized.OverrideProtocol = c.request.OverrideProtocol
	}
	if reflect.ValueOf(c.customized).IsZero() {
		return "", nil
	}
	sum, err := hashstructure.Hash(c.customized, nil)
	text := fmt.Sprintf("%x", sum)
	return text[:min(8, len(text))], err
}
