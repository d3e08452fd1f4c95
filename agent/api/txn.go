package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/realjf/muster/agent/state"
)

// maxOperations is how many operations one transaction may have.
const maxOperations = 128

// operation is one step of a transaction: exactly one of its parts is given.
type operation struct {
	KV      *kvOperation
	Node    *nodeOperation
	Service *serviceOperation
	Check   *checkOperation
}

// kvOperation is a step on the key/value store.
type kvOperation struct {
	Verb    string
	Key     string
	Value   []byte // base64 in JSON
	Flags   uint64
	Index   uint64
	Session string
}

// txnResult is what one operation gave: what it read or wrote, a key mostly
// without its value.
type txnResult struct {
	KV      *state.Entry   `json:",omitempty"`
	Node    *state.Node    `json:",omitempty"`
	Service *state.Service `json:",omitempty"`
	Check   *state.Check   `json:",omitempty"`
}

// txnError says which operation failed, and why.
type txnError struct {
	OpIndex int
	What    string
}

// errTxnFailed takes back what a failed transaction did.
var errTxnFailed = errors.New("the transaction failed")

// txn applies a list of operations whole or not at all. A failed one answers
// 409 and names the operations that failed.
func (a *API) txn(r *http.Request) (any, error) {
	limits := a.settings.Load().Limits
	most := limits.transactionBytes()
	var operations []operation
	body := json.NewDecoder(http.MaxBytesReader(nil, r.Body, int64(most)))
	body.DisallowUnknownFields()
	if err := body.Decode(&operations); err != nil {
		if isTooLarge(err) {
			return nil, tooLarge(r, most, "txn_max_req_len")
		}
		return nil, badRequest("Failed to parse body: " + err.Error())
	}
	if err := a.checkPlace(parameters(r)); err != nil {
		return nil, err
	}
	if len(operations) > maxOperations {
		return nil, &failure{http.StatusRequestEntityTooLarge,
			fmt.Sprintf("Transaction contains too many operations (%d > %d)", len(operations), maxOperations)}
	}
	t := transaction{
		datacenter: a.local.Node().Datacenter,
		delayed:    func(key string) bool { return a.store.LockDelay(key) > 0 },
	}
	for n, op := range operations {
		if fault := op.fault(t.delayed); fault != "" {
			t.errors = append(t.errors, txnError{n, fault})
		}
		if op.KV != nil && len(op.KV.Value) > limits.valueBytes() {
			return nil, &failure{http.StatusRequestEntityTooLarge,
				fmt.Sprintf("Value for key %q is too large (%d > %d bytes)", op.KV.Key, len(op.KV.Value), limits.valueBytes())}
		}
		t.writes = t.writes || op.writes()
	}
	if err := a.admit(r, t.cost(), "/v1/txn"); err != nil {
		return nil, err
	}
	if len(t.errors) > 0 {
		return t.reply(a, r)
	}
	t.sound = true
	err := a.store.Try(func(w *state.Writer) error { return t.apply(w, operations) })
	if err != nil && !errors.Is(err, errTxnFailed) {
		return nil, err
	}
	for _, op := range operations { // what this agent announced it announces again
		if !op.writes() {
			continue
		}
		if err := a.restore(op.node()); err != nil {
			return nil, err
		}
	}
	return t.reply(a, r)
}

// verbs are what an operation on a key may do, and whether that changes it.
var verbs = map[string]bool{
	"set": true, "cas": true, "lock": true, "unlock": true, "delete": true, "delete-tree": true, "delete-cas": true,
	"get": false, "get-or-empty": false, "get-tree": false,
	"check-index": false, "check-session": false, "check-not-exists": false,
}

// writes reports whether the operation may change something.
func (o operation) writes() bool {
	switch {
	case o.KV != nil:
		return verbs[o.KV.Verb]
	case o.Node != nil:
		return o.Node.Verb != "get"
	case o.Service != nil:
		return o.Service.Verb != "get"
	case o.Check != nil:
		return o.Check.Verb != "get"
	default:
		return false
	}
}

// fault returns why the operation cannot be tried, or nothing. A key that may
// not be locked yet is such a reason, as in Consul.
func (o operation) fault(delayed func(key string) bool) string {
	if o.KV == nil {
		return o.catalogFault()
	}
	_, known := verbs[o.KV.Verb]
	switch {
	case o.KV.Key == "" && o.KV.Verb != "delete-tree":
		return "Must provide key"
	case !known:
		return "unknown KV operation: " + o.KV.Verb
	case o.KV.Verb == "lock" && delayed(o.KV.Key):
		return fmt.Sprintf("failed to lock key %q due to lock delay", o.KV.Key)
	default:
		return ""
	}
}

// transaction is one transaction being applied.
type transaction struct {
	writes     bool // it may change something
	sound      bool // every operation can be tried
	datacenter string
	delayed    func(key string) bool // whether a key may not be locked yet
	results    []txnResult
	errors     []txnError
}

// cost is what the transaction counts as.
func (t *transaction) cost() cost {
	if t.writes {
		return writing
	}
	return reading
}

// apply does all operations; on errors it collects them and fails.
func (t *transaction) apply(w *state.Writer, operations []operation) error {
	t.results = []txnResult{}
	for n, op := range operations {
		var err error
		switch {
		case op.KV != nil:
			err = t.applyKV(w, op.KV)
		case op.Node != nil:
			err = t.applyCatalog(op.Node.subject(w, t.datacenter))
		case op.Service != nil:
			err = t.applyCatalog(op.Service.subject(w))
		case op.Check != nil:
			err = t.applyCatalog(op.Check.subject(w))
		}
		if err != nil {
			t.errors = append(t.errors, txnError{n, err.Error()})
		}
	}
	if len(t.errors) > 0 {
		t.results = nil
		return errTxnFailed
	}
	return nil
}

// applyKV does one operation on a key.
func (t *transaction) applyKV(w *state.Writer, op *kvOperation) error {
	value := bytes.Clone(op.Value)
	if len(value) == 0 {
		value = nil
	}
	var entry *state.Entry
	var done bool
	var err error
	switch op.Verb {
	case "set":
		t.show(w.Put(op.Key, value, op.Flags), false)
		return nil
	case "cas":
		if entry, done = w.PutIf(op.Key, value, op.Flags, op.Index); !done {
			return fmt.Errorf("failed to set key %q, index is stale", op.Key)
		}
		t.show(entry, false)
		return nil
	case "lock":
		if entry, done, err = w.Lock(op.Key, value, op.Flags, op.Session); err == nil && !done {
			err = fmt.Errorf("failed to lock key %q, lock is already held", op.Key)
		}
		t.show(entry, false)
		return err
	case "unlock":
		if entry, done, err = w.Unlock(op.Key, value, op.Flags, op.Session); err == nil && !done {
			err = fmt.Errorf("failed to unlock key %q, lock isn't held, or is held by another session", op.Key)
		}
		t.show(entry, false)
		return err
	case "delete":
		w.Delete(op.Key)
		return nil
	case "delete-tree":
		w.DeleteTree(op.Key)
		return nil
	case "delete-cas":
		if !w.DeleteIf(op.Key, op.Index) {
			return fmt.Errorf("failed to delete key %q, index is stale", op.Key)
		}
		return nil
	case "get-tree":
		entries, _, _ := w.Entries(op.Key)
		for _, entry := range entries {
			t.show(entry, true)
		}
		return nil
	}
	entry, _, _ = w.Entry(op.Key)
	return t.check(op, entry)
}

// check does the operations that look at one key.
func (t *transaction) check(op *kvOperation, entry *state.Entry) error {
	switch {
	case op.Verb == "check-not-exists":
		if entry != nil {
			return fmt.Errorf("key %q exists", op.Key)
		}
		return nil
	case op.Verb == "get-or-empty" && entry == nil:
		t.show(&state.Entry{Key: op.Key}, true)
		return nil
	case op.Verb == "check-index" && entry == nil:
		return fmt.Errorf("failed to check index, key %q doesn't exist", op.Key)
	case op.Verb == "check-session" && entry == nil:
		return fmt.Errorf("failed to check session, key %q doesn't exist", op.Key)
	case entry == nil:
		return fmt.Errorf("key %q doesn't exist", op.Key)
	case op.Verb == "check-index" && entry.ModifyIndex != op.Index:
		return fmt.Errorf("failed index check for key %q, current modify index %d != %d", op.Key, entry.ModifyIndex, op.Index)
	case op.Verb == "check-session" && entry.Session != op.Session:
		return fmt.Errorf("failed session check for key %q, current session %q != %q", op.Key, entry.Session, op.Session)
	default:
		t.show(entry, op.Verb == "get" || op.Verb == "get-or-empty")
		return nil
	}
}

// show adds an entry to the results, with its value only where that was asked
// for.
func (t *transaction) show(entry *state.Entry, withValue bool) {
	if entry == nil {
		return
	}
	shown := *entry
	if !withValue {
		shown.Value = nil
	}
	t.results = append(t.results, txnResult{KV: &shown})
}

// reply is the answer to the transaction. Those that only read, and those that
// failed, say as much more as Consul does.
func (t *transaction) reply(a *API, r *http.Request) (any, error) {
	type outcome struct {
		Results []txnResult
		Errors  []txnError
	}
	result := outcome{t.results, t.errors}
	var answer any = result
	out := &reply{header: http.Header{"Content-Type": {"application/json"}}}
	if !t.writes {
		var index uint64 // 1 is all that Consul says of a transaction that reads
		if t.sound {
			index = 1
		}
		answer = struct {
			outcome
			bodyMeta
		}{result, bodyMeta{Index: index, KnownLeader: t.sound}}
		out.header.Set("X-Consul-Knownleader", strconv.FormatBool(t.sound))
		out.header.Set("X-Consul-Lastcontact", "0")
	}
	if len(t.errors) > 0 {
		out.status = http.StatusConflict
	}
	var err error
	out.text, err = a.encode(r, answer)
	return out, err
}
