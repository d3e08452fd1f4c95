package move

import (
	"context"
	"fmt"
	"slices"
)

// Node is a node without an agent, and what the catalog has on it.
type Node struct {
	Node     row           // as in /v1/catalog/nodes
	Checks   []row         `json:",omitempty"` // as in /v1/health/node/:node
	Services []NodeService `json:",omitempty"`
}

// NodeService is a service on such a node.
type NodeService struct {
	Service row   // as in /v1/catalog/node-services/:node
	Checks  []row `json:",omitempty"`
}

// nodes reads the rows of all nodes.
func (r *registry) nodes(ctx context.Context) (nodes []row, err error) {
	return nodes, r.list(ctx, "/v1/catalog/nodes", &nodes)
}

func collectNodes(ctx context.Context, from *registry, contents *Contents) error {
	nodes, err := from.nodes(ctx)
	if err != nil {
		return err
	}
	for _, row := range nodes {
		name := row.text("Node")
		if name == from.self.Config.NodeName {
			continue
		}
		node, hasAgent, err := from.node(ctx, row)
		if err != nil {
			return err
		}
		if !hasAgent {
			contents.Nodes = append(contents.Nodes, *node)
			continue
		}
		for _, service := range node.Services {
			if id := service.Service.text("ID"); id != "consul" {
				contents.leave(Services, "service "+id+" on "+name, "the agent of "+name+" announces it: export from that agent with -only services, or point it at the other registry")
			}
		}
	}
	return nil
}

// node reads what the catalog has on a node, and whether the node has an agent.
func (r *registry) node(ctx context.Context, of row) (node *Node, hasAgent bool, err error) {
	var services struct{ Services []row }
	var checks []row
	if err := r.list(ctx, "/v1/catalog/node-services/"+of.text("Node"), &services); err != nil {
		return nil, false, err
	}
	if err := r.list(ctx, "/v1/health/node/"+of.text("Node"), &checks); err != nil {
		return nil, false, err
	}
	checksOf := map[string][]row{}
	for _, check := range checks {
		hasAgent = hasAgent || check.text("CheckID") == agentAlive
		said := check.without("Node", "ServiceName", "ServiceTags", "CreateIndex", "ModifyIndex", "PeerName")
		checksOf[check.text("ServiceID")] = append(checksOf[check.text("ServiceID")], said)
	}
	node = &Node{Node: of.without("CreateIndex", "ModifyIndex", "Datacenter", "PeerName"), Checks: checksOf[""]}
	for _, service := range services.Services {
		node.Services = append(node.Services, NodeService{serviceBody(service), checksOf[service.text("ID")]})
	}
	return node, hasAgent, nil
}

func planNodes(ctx context.Context, to *registry, contents *Contents) ([]*Item, error) {
	if len(contents.Nodes) == 0 {
		return nil, nil
	}
	rows, err := to.nodes(ctx)
	if err != nil {
		return nil, err
	}
	there := byKey(rows, "Node")
	var items []*Item
	for _, node := range contents.Nodes {
		planned, err := planNode(ctx, to, node, there)
		if err != nil {
			return nil, err
		}
		items = append(items, planned...)
	}
	return items, nil
}

// planNode plans a node and its services, there being the nodes that the
// registry has.
func planNode(ctx context.Context, to *registry, node Node, there map[string]row) ([]*Item, error) {
	name := node.Node.text("Node")
	first := &Item{Name: "node " + name, Fate: New}
	items := []*Item{first}
	for _, service := range node.Services {
		items = append(items, &Item{Name: fmt.Sprintf("service %s on %s", service.Service.text("ID"), name), Fate: New})
	}
	all := func(fate Fate, why string) ([]*Item, error) {
		for _, item := range items {
			item.Fate, item.Why = fate, why
		}
		return items, nil
	}

	before := &Node{}
	if old := there[name]; old != nil {
		var hasAgent bool
		var err error
		if before, hasAgent, err = to.node(ctx, old); err != nil {
			return nil, err
		}
		if hasAgent {
			return all(Left, "a node of this name has an agent there, which says alone what is on it")
		}
	}
	for other, old := range there {
		if id := node.Node.text("ID"); id != "" && other != name && old.text("ID") == id {
			return all(Refused, fmt.Sprintf("its id %s is that of node %s there", id, other))
		}
	}

	registration := node.Node.without("Meta")
	registration["NodeMeta"] = node.Node["Meta"]
	registration["Checks"] = node.Checks
	first.write = func(ctx context.Context) error { return to.register(ctx, name, registration) }
	first.Fate = fate(before.Node != nil, alike(before.Node, node.Node) && sameChecks(before.Checks, node.Checks))
	for n, service := range node.Services {
		id := service.Service.text("ID")
		at := slices.IndexFunc(before.Services, func(s NodeService) bool { return s.Service.text("ID") == id })
		same := at >= 0 && alike(before.Services[at].Service, serviceBody(service.Service)) && sameChecks(before.Services[at].Checks, service.Checks)
		items[n+1].Fate = fate(at >= 0, same)
		registration := row{"Node": name, "Address": node.Node["Address"], "SkipNodeUpdate": true, "Service": service.Service, "Checks": service.Checks}
		items[n+1].write = func(ctx context.Context) error { return to.register(ctx, name, registration) }
	}
	return items, nil
}

// fate is what becomes of a thing that is there or not, and the same or not.
func fate(there, same bool) Fate {
	switch {
	case !there:
		return New
	case same:
		return Same
	default:
		return Different
	}
}

// sameChecks reports whether all the wanted checks are there as they are
// wanted, however they fare.
func sameChecks(there, wanted []row) bool {
	old := byKey(there, "CheckID")
	for _, check := range wanted {
		before := old[check.text("CheckID")]
		if before == nil || !alike(before.without("Status", "Output"), check.without("Status", "Output")) {
			return false
		}
	}
	return true
}

// register puts something on a node into the catalog.
func (r *registry) register(ctx context.Context, node string, registration row) error {
	checks, _ := registration["Checks"].([]row)
	named := make([]row, 0, len(checks))
	for _, check := range checks {
		check = check.without()
		check["Node"] = node
		named = append(named, check)
	}
	body := registration.without()
	body["Checks"] = named
	_, err := r.Raw().Write("/v1/catalog/register", body, nil, writing(ctx))
	return err
}
