package agent

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	connlimit "github.com/hashicorp/go-connlimit"

	"github.com/realjf/muster/agent/api"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/mesh"
)

// announced returns what the configuration announces. The error names every
// definition that is wrong, and where it stands.
func (c Config) announced() (local.Definitions, error) {
	var all local.Definitions
	var faults []error
	places := map[string]string{} // by "service web-1" and the like
	once := func(what, id, where string) {
		what += " " + id
		if first, twice := places[what]; twice {
			faults = append(faults, fmt.Errorf("%s: there is a %s already, in %s", where, what, first))
		}
		places[what] = where
	}
	for _, d := range c.Services {
		svc, err := api.ReadService(d.Body, c.LocalScripts)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", d.Where, err))
			continue
		}
		once("service", svc.Service.ID, d.Where)
		for _, c := range svc.Checks {
			if c.ID != "" {
				once("check", c.ID, d.Where)
			}
		}
		all.Services = append(all.Services, svc)
	}
	for _, d := range c.Checks {
		check, err := api.ReadCheck(d.Body, c.LocalScripts)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", d.Where, err))
			continue
		}
		once("check", check.ID, d.Where)
		all.Checks = append(all.Checks, check)
	}
	return all, errors.Join(faults...)
}

// entries returns the config entries of the configuration. The error names every
// one that is wrong, and where it stands.
func (c Config) entries() ([]mesh.Entry, error) {
	var all []mesh.Entry
	var faults []error
	for _, d := range c.ConfigEntries {
		entry, err := api.ReadEntry(d.Body)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", d.Where, err))
			continue
		}
		all = append(all, entry)
	}
	return all, errors.Join(faults...)
}

// Reconfigure puts a new configuration into force, whole or not at all: then
// the error says why. What was announced over HTTP stays. What cannot change
// while the agent runs is named in the log, and stays as it was.
func (a *Agent) Reconfigure(next Config) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := next.Validate(); err != nil {
		return fmt.Errorf("agent configuration: %w", err)
	}
	https, dot, err := next.credentials()
	if err != nil {
		return fmt.Errorf("agent configuration: %w", err)
	}
	definitions, err := next.announced()
	if err != nil {
		return err
	}
	entries, err := next.entries()
	if err != nil {
		return err
	}
	if err := api.TryEntries(a.store, entries); err != nil {
		return fmt.Errorf("store what the configuration says: %w", err)
	}
	if err := a.local.Configure(definitions); err != nil {
		return fmt.Errorf("announce what the configuration says: %w", err)
	}
	if err := api.StoreEntries(a.local, entries); err != nil { // somebody stored one this instant that they do not fit
		return fmt.Errorf("store what the configuration says: %w", err)
	}
	if err := a.local.SetNodeMeta(nodeMeta(next)); err != nil {
		return fmt.Errorf("change what the catalog has of this node: %w", err)
	}
	a.local.DiscardOutput(next.DiscardCheckOutput)
	a.limit.SetConfig(connlimit.Config{MaxConnsPerClientIP: next.MaxConnsPerClient})
	a.door.headers.Store(headers(next))
	a.guard.adjust(a.config.with(next))
	a.guard.tokens.give(next.HTTPToken)
	if err := a.dns.Adjust(a.config.with(next).dnsSettings()); err != nil { // which was looked at with the rest
		return err
	}
	a.renew(https, dot)
	if stay := a.config.fixed(next); len(stay) > 0 {
		a.logger.Warn("the registry must be started again for some changes", "settings", strings.Join(stay, ", "))
	}
	a.config = a.config.with(next)
	a.api.Adjust(a.settings())
	a.tellExposures()
	a.logger.Info("registry is configured anew", "services", len(next.Services), "checks", len(next.Checks))
	return nil
}

// settings are what the API may be told while it serves.
func (a *Agent) settings() api.Settings {
	c := a.config
	return api.Settings{
		EnableDebug: c.EnableDebug, StaleDiscovery: c.DiscoveryMaxStale > 0, DefaultWait: c.DefaultWait, LongestWait: c.LongestWait,
		BlockEndpoints: c.BlockEndpoints, AllowWriteFrom: c.AllowWriteFrom, Guarded: c.guarded(), RemoteScripts: c.RemoteScripts, Limits: c.Limits,
		Described: a.described(),
	}
}

// with returns the configuration with all that can change while an agent runs
// as next has it.
func (c Config) with(next Config) Config {
	c.NodeMeta, c.MaxConnsPerClient = next.NodeMeta, next.MaxConnsPerClient
	c.ResponseHeaders, c.BlockEndpoints, c.AllowWriteFrom = next.ResponseHeaders, next.BlockEndpoints, next.AllowWriteFrom
	c.HTTPToken, c.HTTPHosts = next.HTTPToken, next.HTTPHosts
	c.Limits, c.DNS = next.Limits, next.DNS
	if next.HTTPSAddr != "" {
		c.TLS = next.TLS
	}
	if next.DNSTLSAddr != "" {
		c.DNSTLS = next.DNSTLS
	}
	c.RemoteScripts, c.LocalScripts = next.RemoteScripts, next.LocalScripts
	c.DiscardCheckOutput = next.DiscardCheckOutput
	c.EnableDebug, c.DiscoveryMaxStale = next.EnableDebug, next.DiscoveryMaxStale
	c.DefaultWait, c.LongestWait = next.DefaultWait, next.LongestWait
	c.Services, c.Checks, c.ConfigEntries = next.Services, next.Checks, next.ConfigEntries
	return c
}

// fixed returns the names of what next would change and cannot.
func (c Config) fixed(next Config) []string {
	var names []string
	now, then := reflect.ValueOf(c.with(next)), reflect.ValueOf(next)
	for i := range now.NumField() {
		switch name := now.Type().Field(i).Name; name {
		case "Logger", "Reload", "Listeners", "Front", "TLS", "DNSTLS", "Version": // not settings, or not to be compared
		default:
			if !reflect.DeepEqual(now.Field(i).Interface(), then.Field(i).Interface()) {
				names = append(names, called(name))
			}
		}
	}
	return names
}
