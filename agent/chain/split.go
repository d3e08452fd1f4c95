package chain

import (
	"cmp"

	"github.com/realjf/muster/agent/mesh"
)

// route adds a rule to a router. One that names a subset passes over splitters.
func (c *compiler) route(node *Node, route mesh.ServiceRoute, to place) error {
	next, err := c.splitterOrResolver(to)
	if err != nil {
		return err
	}
	node.Routes = append(node.Routes, &Route{Definition: &route, NextNode: next.key()})
	return nil
}

// named is how nodes name a service.
func named(service string) string { return service + "." + tenant + "." + tenant }

// splitterOrResolver returns the node that requests to a place go to.
func (c *compiler) splitterOrResolver(to place) (*Node, error) {
	target := c.target(to)
	if to.ServiceSubset == "" {
		if node, err := c.splitter(to.Service); node != nil || err != nil {
			return node, err
		}
	}
	return c.resolver(target, false)
}

// splitter returns the node that spreads the requests to a service, or nil.
func (c *compiler) splitter(service string) (*Node, error) {
	node := &Node{Type: splitter, Name: named(service)}
	if made := c.nodes[node.key()]; made != nil {
		return made, nil
	}
	weights := entry[*mesh.ServiceSplitterConfigEntry](c, mesh.ServiceSplitter, service)
	if weights != nil && c.plain {
		weights, c.notPlain = nil, true
	}
	if weights == nil {
		return nil, nil
	}
	c.nodes[node.key()] = node // now, so that a circle ends here
	c.advanced = true
	for n := range weights.Splits {
		split := weights.Splits[n]
		next, err := c.split(service, split)
		if err != nil {
			return nil, err
		}
		node.Splits = append(node.Splits, &Split{Definition: &split, Weight: split.Weight, NextNode: next.key()})
		if node.LoadBalancer == nil && next.Type == resolver && next.LoadBalancer.IsHashBased() {
			node.LoadBalancer = next.LoadBalancer // one of them must do for all
		}
	}
	return node, nil
}

// split returns the node that a part of the requests to a service goes to.
// Another service may split them on.
func (c *compiler) split(service string, split mesh.ServiceSplit) (*Node, error) {
	to := place{Service: cmp.Or(split.Service, service), ServiceSubset: split.ServiceSubset}
	if to.Service == service {
		return c.resolver(c.target(to), false)
	}
	return c.splitterOrResolver(to)
}
