package state

import (
	"fmt"
	"maps"
	"strconv"
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
	return n.ID == m.ID && sameName(n.Node, m.Node) && n.Address == m.Address && n.Datacenter == m.Datacenter &&
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

// NodeByID returns the node with the ID, or nil; also for an empty one, which
// nodes may share.
func (s *Snapshot) NodeByID(id string) *Node {
	if id == "" {
		return nil
	}
	for _, node := range s.nodes.by(nodesByID, folded(id)) {
		return node
	}
	return nil
}

// ReservedName is the error for a node that takes the name of another one,
// which is alive. Its text is Consul's.
type ReservedName struct {
	wanted, owner *Node
	renames       bool // who wants it has another name so far
}

func (r ReservedName) Error() string {
	who := strconv.Quote(r.wanted.ID)
	if r.renames {
		who += " (" + r.wanted.Address + ")"
	}
	return fmt.Sprintf("Error while renaming Node ID: %s: Node name %s is reserved by node %s with name %s (%s)",
		who, r.wanted.Node, r.owner.ID, r.owner.Node, r.owner.Address)
}

// PutNode stores a copy of n. It does nothing when the node is already so. A
// node that is known by its ID under another name leaves that, and all that
// was on it there. The error is [ReservedName].
func (w *Writer) PutNode(n Node) error {
	old, known := w.Node(n.Node), w.NodeByID(n.ID)
	renames := known != nil && !sameName(known.Node, n.Node)
	if n.ID != "" && old != nil && old.ID != n.ID && (old.ID != "" || renames) && w.alive(old) {
		return ReservedName{&n, old, renames}
	}
	if renames {
		w.DeleteNode(known.Node)
		old = known
	}
	n.CreateIndex, n.ModifyIndex = w.index, w.index
	if old != nil {
		if old.same(&n) {
			return nil
		}
		n.CreateIndex = old.CreateIndex
	}
	w.putNode(&n)
	return nil
}

func (w *Writer) putNode(n *Node) {
	w.nodes.put(n)
	w.touch(AllNodes, NodeServices(n.Node))
	w.touchServicesOn(n.Node)
}

// IdentifyNode gives the node with the name another ID, alive or not: for its
// own agent, which knows. It does nothing when there is no such node.
func (w *Writer) IdentifyNode(name, id string) {
	old := w.Node(name)
	if old == nil || old.ID == id {
		return
	}
	node := *old
	node.ID, node.ModifyIndex = id, w.index
	w.putNode(&node)
}

// alive reports whether the node has an agent that is alive.
func (s *Snapshot) alive(n *Node) bool {
	health := s.Check(n.Node, AgentHealth)
	return health != nil && health.Status != Critical
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
