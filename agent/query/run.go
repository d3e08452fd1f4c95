package query

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/realjf/muster/agent/state"
)

// Asker is who asks a query, and what it wants of the answer.
type Asker struct {
	Near    string // the node to begin with, "_agent" or "_ip"; empty leaves it to the query
	IP      string // the asker's address, for "_ip"; empty when it is not known
	Connect bool   // wants instances of the mesh, whatever the query says
	Limit   int    // of the instances; none when it is not above 0
}

// Answer is what a query finds. Its fields and their JSON are those of
// Consul's answer to /v1/query/:id/execute.
type Answer struct {
	Service    string
	Nodes      []state.Instance // never nil
	DNS        state.QueryDNSOptions
	Datacenter string // where they are; empty when a peer was asked
	PeerName   string // the peer that was asked last
	Failovers  int    // how many other places were asked
}

// Run asks a query, as [Find] returned it, on the node here. Instances are in
// random order, or near ones first where the query or the asker says so.
func Run(s *state.Snapshot, q *state.Query, here state.Node, asker Asker) Answer {
	answer := Answer{
		Service: q.Service.Service, Nodes: []state.Instance{}, DNS: q.DNS, Datacenter: here.Datacenter,
	}
	if q.Service.Peer != "" {
		answer.ask(q.Service.Peer)
	} else if q.Service.Connect || asker.Connect {
		answer.Nodes = choose(s.MeshInstances(q.Service.Service), &q.Service)
	} else {
		answer.Nodes = choose(s.Instances(q.Service.Service), &q.Service)
	}
	rand.Shuffle(len(answer.Nodes), func(a, b int) { answer.Nodes[a], answer.Nodes[b] = answer.Nodes[b], answer.Nodes[a] })
	if near := begin(s, q, here, asker); near != "" {
		answer.Nodes = state.Nearest(s, near, answer.Nodes, func(i state.Instance) string { return i.Node.Node })
		promote(answer.Nodes, near)
	}
	if asker.Limit > 0 && len(answer.Nodes) > asker.Limit {
		answer.Nodes = answer.Nodes[:asker.Limit]
	}
	if len(answer.Nodes) == 0 {
		answer.failOver(q.Service.Failover)
	}
	return answer
}

// failOver looks elsewhere. There are no other datacenters, and datacenters
// that nobody knows are passed over; peers are asked, and have nothing.
func (a *Answer) failOver(to state.QueryFailoverOptions) {
	if len(to.Datacenters) > 0 {
		return
	}
	for _, target := range to.Targets {
		if target.Datacenter == "" && target.Peer != "" {
			a.ask(target.Peer)
			a.Failovers++
		}
	}
}

// ask asks a peer, of which there are none: they have no instances.
func (a *Answer) ask(peer string) { a.PeerName, a.Datacenter = peer, "" }

// begin returns the node whose neighbours come first; empty for none.
func begin(s *state.Snapshot, q *state.Query, here state.Node, asker Asker) string {
	near := asker.Near
	if near == "" {
		near = q.Service.Near
	}
	switch near {
	case "_agent":
		return here.Node
	case "_ip":
		for _, node := range s.Nodes() {
			if asker.IP != "" && node.Address == asker.IP {
				return node.Node
			}
		}
		return ""
	default:
		return near
	}
}

// farthest is how far back in a list Consul looks for the asker's own node.
const farthest = 10

// promote puts the instance on a node first, which may lie as near as others.
func promote(instances []state.Instance, node string) {
	for n := range min(len(instances), farthest) {
		if strings.EqualFold(instances[n].Node.Node, node) {
			instances[0], instances[n] = instances[n], instances[0]
			return
		}
	}
}

// choose returns the instances that a query is about.
func choose(instances []state.Instance, wanted *state.ServiceQuery) []state.Instance {
	chosen := make([]state.Instance, 0, len(instances))
	for _, instance := range instances {
		if wellEnough(instance.Checks, wanted) && holds(instance.Node.Meta, wanted.NodeMeta) &&
			holds(instance.Service.Meta, wanted.ServiceMeta) && tagged(instance.Service.Tags, wanted.Tags) {
			chosen = append(chosen, instance)
		}
	}
	return chosen
}

// wellEnough reports whether no check that counts stands against an instance.
func wellEnough(checks []*state.Check, wanted *state.ServiceQuery) bool {
	for _, check := range checks {
		fails := check.Status == state.Critical || wanted.OnlyPassing && check.Status != state.Passing
		if fails && !slices.Contains(wanted.IgnoreCheckIDs, check.CheckID) {
			return false
		}
	}
	return true
}

// holds reports whether meta has every wanted pair.
func holds(meta, wanted map[string]string) bool {
	for key, value := range wanted {
		if got, ok := meta[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// tagged reports whether tags has every wanted one and none after a "!",
// whatever their case.
func tagged(tags, wanted []string) bool {
	for _, tag := range wanted {
		tag, unwanted := strings.CutPrefix(tag, "!")
		has := slices.ContainsFunc(tags, func(own string) bool { return strings.EqualFold(own, tag) })
		if has == unwanted {
			return false
		}
	}
	return true
}
