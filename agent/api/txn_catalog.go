package api

import (
	"errors"
	"fmt"

	"github.com/realjf/muster/agent/state"
)

// nodeOperation is a step of a transaction on a node.
type nodeOperation struct {
	Verb string
	Node struct {
		ID              string
		Node            string
		Address         string
		Datacenter      string
		TaggedAddresses map[string]string
		Meta            map[string]string
		CreateIndex     uint64
		ModifyIndex     uint64
	}
}

// serviceOperation is a step of a transaction on a service of a node.
type serviceOperation struct {
	Verb    string
	Node    string
	Service catalogServiceRequest
}

// checkOperation is a step of a transaction on a check.
type checkOperation struct {
	Verb  string
	Check catalogCheckRequest
}

// catalogVerbs are what an operation on the catalog may do, and whether that
// changes it. "get" is the only one that gives a result without writing.
var catalogVerbs = map[string]bool{"get": false, "set": true, "cas": true, "delete": true, "delete-cas": true}

var errNoNode = errors.New("Missing node registration") //lint:ignore ST1005 clients see Consul's text

// subject is one thing of the catalog that an operation is about.
type subject struct {
	kind   string // as errors call it: node, service, check
	name   string // likewise: the thing, and where it is
	verb   string
	index  uint64                                 // that it must be at, for the verbs with a condition
	now    func() (found txnResult, index uint64) // index 0 when it is not there
	put    func() error
	remove func()
}

// applyCatalog does one operation on the catalog.
func (t *transaction) applyCatalog(s subject) error {
	found, index := s.now()
	switch s.verb {
	case "get":
		if index == 0 {
			return fmt.Errorf("%s %s doesn't exist", s.kind, s.name)
		}
		t.results = append(t.results, found)
		return nil
	case "cas":
		if index != s.index {
			return fmt.Errorf("failed to set %s %s, index is stale", s.kind, s.name)
		}
		fallthrough
	case "set":
		if err := s.put(); err != nil {
			if errors.Is(err, state.ErrUnknownNode) {
				return errNoNode
			}
			return err
		}
		found, _ = s.now()
		t.results = append(t.results, found)
		return nil
	case "delete-cas":
		if index != 0 && index != s.index {
			return fmt.Errorf("failed to delete %s %s, index is stale", s.kind, s.name)
		}
		fallthrough
	case "delete":
		s.remove()
		return nil
	default:
		return fmt.Errorf("unknown %s operation: %s", s.kind, s.verb)
	}
}

// subject returns what a node operation is about.
func (o *nodeOperation) subject(w *state.Writer, datacenter string) subject {
	node := o.Node
	return subject{
		kind: "node", name: fmt.Sprintf("%q", node.Node), verb: o.Verb, index: node.ModifyIndex,
		now: func() (txnResult, uint64) {
			if found := w.Node(node.Node); found != nil {
				return txnResult{Node: found}, found.ModifyIndex
			}
			return txnResult{}, 0
		},
		put: func() error {
			w.PutNode(state.Node{
				ID: node.ID, Node: node.Node, Address: node.Address, Datacenter: datacenter,
				TaggedAddresses: node.TaggedAddresses, Meta: node.Meta,
			})
			return nil
		},
		remove: func() { w.DeleteNode(node.Node) },
	}
}

// subject returns what a service operation is about.
func (o *serviceOperation) subject(w *state.Writer) subject {
	id := o.Service.ID
	if id == "" {
		id = o.Service.Service
		o.Service.ID = id
	}
	return subject{
		kind: "service", name: fmt.Sprintf("%q on node %q", id, o.Node), verb: o.Verb, index: o.Service.ModifyIndex,
		now: func() (txnResult, uint64) {
			if found := w.Service(o.Node, id); found != nil {
				return txnResult{Service: found}, found.ModifyIndex
			}
			return txnResult{}, 0
		},
		put:    func() error { return w.PutService(o.Service.on(o.Node)) },
		remove: func() { w.DeleteService(o.Node, id) },
	}
}

// subject returns what a check operation is about.
func (o *checkOperation) subject(w *state.Writer) subject {
	check := o.Check.on(o.Check.Node)
	return subject{
		kind: "check", name: fmt.Sprintf("%q on node %q", check.CheckID, check.Node), verb: o.Verb, index: o.Check.ModifyIndex,
		now: func() (txnResult, uint64) {
			if found := w.Check(check.Node, check.CheckID); found != nil {
				return txnResult{Check: found}, found.ModifyIndex
			}
			return txnResult{}, 0
		},
		put:    func() error { return w.PutCheck(check) },
		remove: func() { w.DeleteCheck(check.Node, check.CheckID) },
	}
}

// catalogFault returns why an operation on the catalog cannot be tried, or nothing.
func (o operation) catalogFault() string {
	switch {
	case o.Node != nil && o.Node.Node.Node == "":
		return "Must provide node"
	case o.Node != nil && hasUnprintable(o.Node.Node.Node):
		return "Invalid node name: it holds characters that cannot be printed"
	case o.Service != nil && o.Service.Verb != "get" && o.Service.Service.Service == "" && catalogVerbs[o.Service.Verb]:
		return "Must provide service name (Service.Service) when service ID is provided"
	case o.Service != nil && (hasUnprintable(o.Service.Service.ID) || hasUnprintable(o.Service.Service.Service)):
		return "Invalid service name or ID: it holds characters that cannot be printed"
	case o.Check != nil && hasUnprintable(o.Check.Check.CheckID):
		return "Invalid check ID: it holds characters that cannot be printed"
	case o.Service != nil:
		return o.Service.Service.fault(o.Service.Node)
	default:
		return ""
	}
}

// fault returns how the service breaks the rules for one on the node, or
// nothing.
func (s *catalogServiceRequest) fault(node string) string {
	if err := s.meshFault(); err != nil {
		return err.Error()
	}
	if reason := metaFault(s.Kind, s.Meta); reason != "" {
		return fmt.Sprintf("Invalid Service Meta for node %s and serviceID %s: %s", node, s.ID, reason)
	}
	return ""
}

// node returns the node whose part of the catalog the operation may change.
func (o operation) node() string {
	switch {
	case o.Node != nil:
		return o.Node.Node.Node
	case o.Service != nil:
		return o.Service.Node
	case o.Check != nil:
		return o.Check.Check.Node
	default:
		return ""
	}
}
