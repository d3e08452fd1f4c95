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

// What clients see is Consul's text.
var (
	errNoNode    = invalid("Missing node registration")
	errNoService = invalid("Missing service registration")
)

// asConsulSays gives what the catalog lacks Consul's names in a transaction.
func asConsulSays(err error) error {
	switch {
	case errors.Is(err, state.ErrUnknownNode):
		return errNoNode
	case errors.As(err, new(state.UnknownService)):
		return errNoService
	default:
		return err
	}
}

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
			return asConsulSays(err)
		}
		found, _ = s.now()
		t.results = append(t.results, found)
		return nil
	case "delete-cas":
		if index == 0 || index != s.index {
			return fmt.Errorf("failed to delete %s %s, index is stale", s.kind, s.name)
		}
		fallthrough
	default: // delete; catalogFault lets no other verb pass
		s.remove()
		return nil
	}
}

// subject returns what a node operation is about.
func (o *nodeOperation) subject(w *state.Writer, datacenter string) subject {
	node := o.Node
	return subject{
		kind: "node", name: fmt.Sprintf("%q", node.Node), verb: o.Verb, index: node.ModifyIndex,
		now: func() (txnResult, uint64) {
			found := w.Node(node.Node)
			if o.Verb == "get" && node.ID != "" {
				found = w.NodeByID(node.ID)
			}
			if found != nil {
				return txnResult{Node: found}, found.ModifyIndex
			}
			return txnResult{}, 0
		},
		put: func() error {
			return w.PutNode(state.Node{
				ID: node.ID, Node: node.Node, Address: node.Address, Datacenter: datacenter,
				TaggedAddresses: node.TaggedAddresses, Meta: node.Meta,
			})
		},
		remove: func() { w.DeleteNode(node.Node) },
	}
}

// subject returns what a service operation is about.
func (o *serviceOperation) subject(w *state.Writer) subject {
	id := o.Service.ID
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
	check.Type, check.Interval, check.Timeout = "", "", "" // not taken here, as by Consul
	if o.Verb == "get" {                                   // which looks for nothing but an id, as in Consul
		check.CheckID = o.Check.CheckID
	}
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

// catalogFault returns why an operation on the catalog cannot be tried, or
// nothing. One that only reads can always be.
func (o operation) catalogFault() string {
	kind, verb := o.catalogVerb()
	writes, known := catalogVerbs[verb]
	switch {
	case kind == "":
		return ""
	case !known:
		return "unknown " + kind + " operation: " + verb
	case !writes:
		return ""
	}
	switch {
	case o.Node != nil:
		return errorText(checkNode(o.Node.Node.Node, o.Node.Node.ID))
	case o.Service != nil:
		if err := o.Service.Service.validate(); err != nil {
			return err.Error()
		}
		return errorText(o.Service.Service.validateMeta(o.Service.Node))
	case !state.Printable(o.Check.Check.CheckID):
		return "Invalid check ID: it holds characters that cannot be printed"
	default:
		return ""
	}
}

// catalogVerb returns what an operation on the catalog is about, and its verb;
// nothing for an operation without any.
func (o operation) catalogVerb() (kind, verb string) {
	switch {
	case o.Node != nil:
		return "node", o.Node.Verb
	case o.Service != nil:
		return "service", o.Service.Verb
	case o.Check != nil:
		return "check", o.Check.Verb
	default:
		return "", ""
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// node returns the name and the ID of the node whose part of the catalog the
// operation may change.
func (o operation) node() (name, id string) {
	switch {
	case o.Node != nil:
		return o.Node.Node.Node, o.Node.Node.ID
	case o.Service != nil:
		return o.Service.Node, ""
	case o.Check != nil:
		return o.Check.Check.Node, ""
	default:
		return "", ""
	}
}
