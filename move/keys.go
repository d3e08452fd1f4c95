package move

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/consul/api"
)

// Key is a key as consul kv export has it: its value is in base64.
type Key struct {
	Key   string `json:"key"`
	Flags uint64 `json:"flags"`
	Value []byte `json:"value"`
}

// What a transaction may hold: Consul's own tool sends as many operations, and
// its limit on the body is that of an agent whose settings do not say.
const (
	operations   = 64
	defaultLimit = 512 << 10
)

func collectKeys(ctx context.Context, from *registry, choice Choice, contents *Contents) error {
	pairs, garbled, err := from.keys(ctx, choice.Prefix)
	if err != nil {
		return err
	}
	for _, pair := range garbled {
		contents.leave(Keys, strconv.QuoteToASCII(pair.Key), "its name is no UTF-8, which the registry does not tell as it is (\\ufffd stands for what is lost): write it there under another name")
	}
	for _, pair := range pairs {
		contents.Keys = append(contents.Keys, Key{pair.Key, pair.Flags, pair.Value})
		if pair.Session != "" {
			contents.leave(Keys, "lock of "+pair.Key, "locks end with the session that holds them: whoever held it asks for it again")
		}
	}
	return nil
}

// keys reads the keys that begin with a prefix. Garbled are those whose names
// are not told as they are.
func (r *registry) keys(ctx context.Context, prefix string) (pairs, garbled api.KVPairs, err error) {
	all, meta, err := r.KV().List(prefix, reading(ctx))
	if err != nil {
		return nil, nil, fmt.Errorf("read keys: %w", plain(err))
	}
	if err := complete("read keys", meta); err != nil {
		return nil, nil, err
	}
	pairs = make(api.KVPairs, 0, len(all))
	taken := map[string]bool{}
	for _, pair := range all {
		if strings.ContainsRune(pair.Key, utf8.RuneError) {
			// JSON has no other bytes than those of UTF-8: names with some are told
			// with this rune in their place, and several become one. A path has
			// all bytes, so it finds the one key whose name is so, if there is one.
			found, _, err := r.KV().Get(pair.Key, reading(ctx))
			if err != nil {
				return nil, nil, fmt.Errorf("read key %q: %w", pair.Key, plain(err))
			}
			if found == nil || found.Key != pair.Key || taken[pair.Key] {
				garbled = append(garbled, pair)
				continue
			}
			taken[pair.Key], pair = true, found
		}
		pairs = append(pairs, pair)
	}
	return pairs, garbled, nil
}

func planKeys(ctx context.Context, to *registry, choice Choice, contents *Contents) ([]*Item, error) {
	pairs, _, err := to.keys(ctx, choice.Prefix)
	if err != nil {
		return nil, err
	}
	there := make(map[string]*api.KVPair, len(pairs))
	for _, pair := range pairs {
		there[pair.Key] = pair
	}
	limit := to.self.DebugConfig.KVMaxValueSize
	if limit == 0 {
		limit = defaultLimit
	}
	var items []*Item
	for _, key := range contents.Keys {
		if !strings.HasPrefix(key.Key, choice.Prefix) {
			continue
		}
		item := &Item{Name: key.Key, Fate: New, pair: &api.KVPair{Key: key.Key, Flags: key.Flags, Value: key.Value}}
		if old := there[key.Key]; old != nil {
			item.Fate, item.pair.ModifyIndex = Different, old.ModifyIndex
			if old.Flags == key.Flags && string(old.Value) == string(key.Value) {
				item.Fate = Same
			}
		}
		if item.Fate != Same && len(key.Value) > limit {
			item.Fate, item.Why = Refused, fmt.Sprintf("its value has %d bytes, and the registry takes %d (limits.kv_max_value_size)", len(key.Value), limit)
		}
		items = append(items, item)
	}
	return items, nil
}

// writeKeys writes keys in transactions, each of which does all or nothing. A
// key that somebody else wrote since it was looked at ends it.
func writeKeys(ctx context.Context, to *registry, items []*Item, wrote func(int)) error {
	limit := to.self.DebugConfig.TxnMaxReqLen
	if limit == 0 {
		limit = defaultLimit
	}
	for len(items) > 0 {
		n := batch(items, limit)
		if err := to.writeKeys(ctx, items[:n], limit); err != nil {
			return fmt.Errorf("write keys from %q: %w", items[0].Name, plain(err))
		}
		wrote(n)
		items = items[n:]
	}
	return nil
}

// batch returns how many of the first items fit into one transaction; one at
// least.
func batch(items []*Item, limit int) int {
	n, size := 0, 0
	for ; n < min(len(items), operations); n++ {
		size += sizeOf(items[n].pair)
		if n > 0 && size > limit {
			break
		}
	}
	return n
}

// sizeOf is what a key takes in the body of a transaction, at most.
func sizeOf(pair *api.KVPair) int {
	name, _ := json.Marshal(pair.Key) // a text can be written
	return 256 + len(name) + (len(pair.Value)+2)/3*4
}

var errMeanwhile = errors.New("it was written meanwhile by somebody else")

func (r *registry) writeKeys(ctx context.Context, items []*Item, limit int) error {
	if len(items) == 1 && sizeOf(items[0].pair) > limit { // which outside of a transaction fits
		taken, _, err := r.KV().CAS(items[0].pair, writing(ctx))
		if err == nil && !taken {
			err = errMeanwhile
		}
		return err
	}
	var ops api.TxnOps
	for _, item := range items {
		pair := item.pair
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVCAS, Key: pair.Key, Value: pair.Value, Flags: pair.Flags, Index: pair.ModifyIndex}})
	}
	done, answer, _, err := r.Txn().Txn(ops, reading(ctx))
	if err != nil || done {
		return err
	}
	var faults []error
	for _, fault := range answer.Errors {
		faults = append(faults, errors.New(fault.What))
	}
	return errors.Join(faults...)
}
