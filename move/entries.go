package move

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/hashicorp/consul/api"
)

// entryKinds are the kinds of config entries, in an order in which each finds
// what it refers to. Intentions are one of them: a Consul since 1.9 keeps all
// there.
var entryKinds = []string{
	api.ProxyDefaults, api.MeshConfig, api.JWTProvider, api.ServiceDefaults,
	api.ServiceResolver, api.ServiceSplitter, api.ServiceRouter,
	api.InlineCertificate, api.FileSystemCertificate, api.IngressGateway, api.TerminatingGateway, api.APIGateway,
	api.HTTPRoute, api.TCPRoute,
	api.ServiceIntentions, api.ExportedServices,
}

func collectEntries(ctx context.Context, from *registry, _ Choice, contents *Contents) error {
	entries, err := from.entries(ctx, entryKinds)
	contents.ConfigEntries = entries
	for n, entry := range entries {
		entries[n] = entryBody(entry)
	}
	return err
}

// entries reads the config entries of some kinds, less those that the registry
// does not know.
func (r *registry) entries(ctx context.Context, kinds []string) ([]row, error) {
	var all []row
	for _, kind := range kinds {
		var entries []row
		err := r.list(ctx, "/v1/config/"+kind, &entries)
		if refused(err, http.StatusBadRequest) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

// entryBody is what a config entry says: neither when it was written nor what
// controllers found out about it.
func entryBody(entry row) row { return entry.without("CreateIndex", "ModifyIndex", "Hash", "Status") }

// entryKey is what makes two config entries one.
func entryKey(entry row) string { return entry.text("Kind") + " " + entry.text("Name") }

func planEntries(ctx context.Context, to *registry, _ Choice, contents *Contents) ([]*Item, error) {
	there := map[string]row{}
	var used []string
	for _, kind := range entryKinds {
		if slices.ContainsFunc(contents.ConfigEntries, func(e row) bool { return e.text("Kind") == kind }) {
			used = append(used, kind)
		}
	}
	entries, err := to.entries(ctx, used)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		there[entryKey(entry)] = entry
	}
	// A file that was changed by hand may have another order than it was
	// written in.
	sorted := slices.Clone(contents.ConfigEntries)
	slices.SortStableFunc(sorted, func(a, b row) int {
		return slices.Index(entryKinds, a.text("Kind")) - slices.Index(entryKinds, b.text("Kind"))
	})
	var items []*Item
	for _, entry := range sorted {
		item := &Item{Name: entryKey(entry), Fate: New}
		items = append(items, item)
		text, err := json.Marshal(entry)
		if err != nil {
			return nil, err
		}
		typed, err := api.DecodeConfigEntryFromJSON(text)
		if err != nil {
			item.Fate, item.Why = Refused, err.Error()
			continue
		}
		var index uint64
		if old := there[entryKey(entry)]; old != nil {
			item.Fate = Different
			if reflect.DeepEqual(essence(entryBody(old)), essence(entryBody(entry))) {
				item.Fate = Same
			}
			if index, err = strconv.ParseUint(fmt.Sprint(old["ModifyIndex"]), 10, 64); err != nil {
				return nil, fmt.Errorf("%s: the index that it is at: %w", item.Name, err)
			}
		}
		item.entry = typed
		item.write = func(ctx context.Context) error {
			taken, _, err := to.ConfigEntries().CAS(typed, index, writing(ctx))
			if err == nil && !taken {
				err = errMeanwhile
			}
			return err
		}
	}
	return items, nil
}

// neverIndex is an index that no config entry has: the first entry of a log is
// none.
const neverIndex = 1

// rehearse has the registry judge an entry and not store it: it is to replace
// one that cannot be.
func rehearse(ctx context.Context, to *registry, item *Item) error {
	_, _, err := to.ConfigEntries().CAS(item.entry, neverIndex, writing(ctx))
	switch {
	case refused(err, http.StatusBadRequest, http.StatusInternalServerError, http.StatusNotImplemented):
		item.Fate, item.Why = Refused, plain(err).Error()
		return nil
	case err != nil:
		return fmt.Errorf("ask whether it would take %s: %w", item.Name, plain(err))
	}
	return nil
}

// writeEntries writes config entries. Those that the registry does not take
// yet, for they refer to others, are tried again after the others.
func writeEntries(ctx context.Context, _ *registry, items []*Item, wrote func(int)) error {
	for {
		var later []*Item
		var faults []error
		for _, item := range items {
			err := item.write(ctx)
			switch {
			case refused(err, http.StatusBadRequest, http.StatusInternalServerError):
				later = append(later, item)
				faults = append(faults, fmt.Errorf("write %s: %w", item.Name, plain(err)))
			case err != nil:
				return fmt.Errorf("write %s: %w", item.Name, plain(err))
			default:
				wrote(1)
			}
		}
		if len(later) == 0 || len(later) == len(items) {
			return errors.Join(faults...)
		}
		items = later
	}
}
