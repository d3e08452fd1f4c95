package chain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/realjf/muster/agent/mesh"
)

// Check returns why an entry may not be stored among those that are, or nil.
// With a nil entry it is about the removal of the one with the id. Texts are
// Consul's.
func Check(stored Entries, id mesh.EntryID, entry mesh.Entry) error {
	if err := checkAlone(stored, id, entry); err != nil {
		return err
	}
	switch {
	case id.Kind == mesh.ServiceIntentions && entry == nil, id.Kind == mesh.ExportedServices, id.Kind == mesh.JWTProvider:
		return nil // no chain follows from it
	}
	after := pending{stored, id, entry}
	intentions := affectedIntentions(after, id)
	chains := affectedChains(after, id)
	for _, intention := range intentions {
		chains = append(chains, intention.Name)
	}
	protocols := map[string]string{}
	for _, service := range chains {
		if protocols[service] != "" {
			continue
		}
		made, err := Compile(after, Request{Service: service, Datacenter: "dc1", TrustDomain: "consul"})
		if err != nil {
			return err
		}
		protocols[service] = made.Protocol
	}
	for _, intention := range intentions {
		if protocol := protocols[intention.Name]; !intention.IsWildcard() && intention.HasPermissions() && !mesh.HTTPLike(protocol) {
			return fmt.Errorf("service %q has protocol %q, which is incompatible with L7 intentions permissions", intention.Name, protocol)
		}
	}
	return nil
}

// pending is what would be stored.
type pending struct {
	Entries
	id    mesh.EntryID
	entry mesh.Entry // nil for none
}

func same(a, b mesh.EntryID) bool { return a.Kind == b.Kind && strings.EqualFold(a.Name, b.Name) }

// ConfigEntry implements Entries.
func (p pending) ConfigEntry(id mesh.EntryID) mesh.Entry {
	if same(id, p.id) {
		return p.entry
	}
	return p.Entries.ConfigEntry(id)
}

// ConfigEntries implements Entries.
func (p pending) ConfigEntries(kind string) []mesh.Entry {
	all := p.Entries.ConfigEntries(kind)
	if kind != p.id.Kind {
		return all
	}
	all = slices.DeleteFunc(slices.Clone(all), func(e mesh.Entry) bool { return same(e.ID(), p.id) })
	if p.entry != nil {
		all = append(all, p.entry)
	}
	return all
}

var errPermissive = errors.New("cannot set MutualTLSMode=permissive because AllowEnablingPermissiveMutualTLS=false in the mesh config entry")

// checkAlone checks an entry against others of which no chain is made.
func checkAlone(stored Entries, id mesh.EntryID, entry mesh.Entry) error {
	if entry, is := entry.(*mesh.ServiceIntentionsConfigEntry); is {
		return mesh.MissingProviders(entry, stored)
	}
	if id.Kind == mesh.JWTProvider && entry == nil {
		return mesh.ProviderInUse(id.Name, stored.ConfigEntries(mesh.ServiceIntentions))
	}
	if mode(entry) != mesh.Permissive || mode(stored.ConfigEntry(id)) == mesh.Permissive {
		return nil
	}
	config, _ := stored.ConfigEntry(mesh.EntryID{Kind: mesh.MeshConfig, Name: mesh.MeshName}).(*mesh.MeshConfigEntry)
	if config == nil || !config.AllowEnablingPermissiveMutualTLS {
		return errPermissive
	}
	return nil
}

// mode returns what an entry says of traffic that is not the mesh's.
func mode(entry mesh.Entry) mesh.MutualTLSMode {
	switch entry := entry.(type) {
	case *mesh.ProxyConfigEntry:
		return entry.MutualTLSMode
	case *mesh.ServiceConfigEntry:
		return entry.MutualTLSMode
	default:
		return ""
	}
}

// affectedIntentions returns the intentions that must still fit once the entry
// with the id changes: all, for their services may be anything, or itself.
func affectedIntentions(after pending, id mesh.EntryID) (affected []*mesh.ServiceIntentionsConfigEntry) {
	for _, entry := range after.ConfigEntries(mesh.ServiceIntentions) {
		if id.Kind != mesh.ServiceIntentions || entry == after.entry {
			affected = append(affected, entry.(*mesh.ServiceIntentionsConfigEntry))
		}
	}
	return affected
}

// affectedChains returns the services whose chains the entry with the id is
// part of; first the one that it is about.
func affectedChains(after pending, id mesh.EntryID) (services []string) {
	if id.Kind == mesh.ServiceIntentions {
		return nil
	}
	if id.Kind != mesh.ProxyDefaults {
		services = append(services, id.Name)
	}
	for _, kind := range []string{mesh.ServiceRouter, mesh.ServiceSplitter, mesh.ServiceResolver} {
		for _, entry := range after.ConfigEntries(kind) {
			leads := func(to string) bool { return strings.EqualFold(to, id.Name) }
			if id.Kind == mesh.ProxyDefaults || slices.ContainsFunc(mesh.Related(entry), leads) {
				services = append(services, entry.ID().Name)
			}
		}
	}
	return services
}
