package state

import (
	"maps"
	"strings"
)

// Node is a machine, or whatever else has an address and carries services.
// Its fields and their JSON are those of Consul's catalog.
type Node struct {
	ID              string
	Node            string // the name, unique without regard to case
	Address         string
	Datacenter      string
	Partition       string `json:",omitempty"` // none, like PeerName: filters may ask
	PeerName        string `json:",omitempty"`
	TaggedAddresses map[string]string
	Meta            map[string]string
	CreateIndex     uint64 `bexpr:"-"`
	ModifyIndex     uint64 `bexpr:"-"`
}

// same reports whether n and m say the same, whenever they were said.
func (n *Node) same(m *Node) bool {
	return n.ID == m.ID && n.Node == m.Node && n.Address == m.Address && n.Datacenter == m.Datacenter &&
		maps.Equal(n.TaggedAddresses, m.TaggedAddresses) && maps.Equal(n.Meta, m.Meta)
}

// Node returns the node with the name, or nil.
func (s *Snapshot) Node(name string) *Node {
	return s.nodes.get(folded(name))
}

// Nodes returns all nodes.
func (s *Snapshot) Nodes() []*Node {
	return s.nodes.all()
}

// PutNode stores a copy of n. It does nothing when the node is already so.
func (w *Writer) PutNode(n Node) {
	n.CreateIndex, n.ModifyIndex = w.index, w.index
	if old := w.Node(n.Node); old != nil {
		if old.same(&n) {
			return
		}
		n.CreateIndex = old.CreateIndex
	}
	w.nodes.put(&n)
	w.touch(AllNodes, NodeServices(n.Node))
	w.touchServicesOn(n.Node)
}

// DeleteNode removes the node with all its services and checks. It does
// nothing when there is no such node.
func (w *Writer) DeleteNode(name string) {
	node := w.Node(name)
	if node == nil {
		return
	}
	for _, service := range w.ServicesOn(name) {
		w.DeleteService(name, service.ID)
	}
	for _, check := range w.ChecksOn(name) {
		w.DeleteCheck(name, check.CheckID)
	}
	w.deleteCoordinate(name)
	w.endSessions(name, func(*Session) bool { return true })
	w.nodes.remove(node)
	w.touch(AllNodes)
	w.forget(NodeServices(name))
	w.forget(NodeChecks(name))
}

// touchServicesOn marks the services of a node as changed, because answers
// about them hold the node and its checks.
func (w *Writer) touchServicesOn(node string) {
	for _, service := range w.ServicesOn(node) {
		w.touch(ServiceInstances(service.Service))
		w.touchHealth(service)
	}
}

// sameName reports whether two node or service names mean the same.
func sameName(a, b string) bool { return strings.EqualFold(a, b) }
