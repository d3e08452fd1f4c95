package move

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Agent is what the agent that was asked announces: what runs on its machine.
type Agent struct {
	Services []AgentService `json:",omitempty"`
	Checks   []AgentCheck   `json:",omitempty"` // of the node
}

// AgentService is a service of an agent.
type AgentService struct {
	Service     row          // as in /v1/agent/services
	Maintenance string       `json:",omitempty"` // why it is out of service
	Checks      []AgentCheck `json:",omitempty"`
}

// AgentCheck is a check of an agent.
type AgentCheck struct {
	Check      row // as in /v1/agent/checks
	Definition row `json:",omitempty"` // a body of /v1/agent/check/register; a Consul does not tell it
}

func (c AgentCheck) id() string { return c.Check.text("CheckID") }

// agent reads what the registry's own agent announces.
func (r *registry) agent(ctx context.Context) (*Agent, error) {
	var services, checks, definitions map[string]row
	if err := r.list(ctx, "/v1/agent/services", &services); err != nil {
		return nil, err
	}
	if err := r.list(ctx, "/v1/agent/checks", &checks); err != nil {
		return nil, err
	}
	// It is muster's own: a Consul answers 404, one of muster's older ones 501.
	err := r.list(ctx, "/v1/agent/check/definitions", &definitions)
	if err != nil && !refused(err, http.StatusNotFound, http.StatusNotImplemented) {
		return nil, err
	}
	agent := &Agent{}
	of := map[string][]AgentCheck{}
	for _, check := range sortedValues(checks) {
		said := check.without("Node", "CreateIndex", "ModifyIndex", "Definition", "ServiceName", "ServiceTags", "ExposedPort")
		of[check.text("ServiceID")] = append(of[check.text("ServiceID")], AgentCheck{said, definitions[check.text("CheckID")]})
	}
	agent.Checks = of[""]
	for _, service := range sortedValues(services) {
		one := AgentService{Service: serviceBody(service)}
		for _, check := range of[service.text("ID")] {
			if strings.HasPrefix(check.id(), serviceMaintenance) {
				one.Maintenance = check.Check.text("Notes")
			} else {
				one.Checks = append(one.Checks, check)
			}
		}
		agent.Services = append(agent.Services, one)
	}
	// What stands before a service comes after it.
	slices.SortStableFunc(agent.Services, func(a, b AgentService) int {
		return strings.Compare(a.Service.text("Kind"), b.Service.text("Kind"))
	})
	return agent, nil
}

// bringing is what it takes to bring what an agent announces to another one.
type bringing struct {
	to     *registry
	choice Choice
	from   Source
}

// elsewhere reports whether the agents are on different machines, as far as
// their addresses and the user say.
func (b bringing) elsewhere() bool {
	return !b.choice.SameMachine && b.from.Address != b.to.self.Member.Addr
}

func planAgent(ctx context.Context, to *registry, choice Choice, contents *Contents) ([]*Item, error) {
	there, err := to.agent(ctx)
	if err != nil {
		return nil, err
	}
	old := map[string]AgentService{}
	for _, service := range there.Services {
		old[service.Service.text("ID")] = service
	}
	oldChecks := map[string]AgentCheck{}
	for _, check := range there.Checks {
		oldChecks[check.id()] = check
	}
	b := bringing{to, choice, contents.From}
	var items []*Item
	for _, service := range contents.Agent.Services {
		item := &Item{Name: "service " + service.Service.text("ID"), Fate: New}
		items = append(items, item)
		wanted, obstacle, notes := b.settle(service)
		if obstacle != "" {
			item.Fate, item.Why = Left, obstacle
			continue
		}
		item.Why = strings.Join(notes, "; ")
		before, known := old[service.Service.text("ID")]
		switch {
		case known && sameService(before, wanted):
			item.Fate = Same
		case known:
			item.Fate = Different
		}
		item.write = func(ctx context.Context) error { return to.announce(ctx, wanted, before) }
	}
	for _, check := range contents.Agent.Checks {
		item := &Item{Name: "check " + check.id() + " of the node", Fate: New}
		items = append(items, item)
		wanted, obstacle, note := b.settleCheck(check)
		if obstacle != "" {
			item.Fate, item.Why = Left, obstacle
			continue
		}
		item.Why = note
		if before, known := oldChecks[check.id()]; known {
			item.Fate = Different
			if sameCheck(before, wanted) {
				item.Fate = Same
			}
		}
		item.write = func(ctx context.Context) error {
			_, err := to.Raw().Write("/v1/agent/check/register", wanted.Definition, nil, writing(ctx))
			return err
		}
	}
	return items, nil
}

// settle returns a service as the other agent is to announce it, with what is
// to be said about that, or why it cannot.
func (b bringing) settle(service AgentService) (wanted AgentService, obstacle string, notes []string) {
	wanted = AgentService{Service: maps.Clone(service.Service), Maintenance: service.Maintenance}
	if address := service.Service.text("Address"); b.elsewhere() {
		switch {
		case isLoopback(address) || address == "" && isLoopback(b.from.Address):
			return wanted, fmt.Sprintf("its address is on the machine of %s alone, and the agent of %s has another: announce it to an agent on its machine, or say -same-machine",
				b.from.Node, b.to.self.Config.NodeName), nil
		case address == "":
			wanted.Service["Address"] = b.from.Address
			notes = append(notes, "it gets the address that its node had, "+b.from.Address)
		}
	}
	for _, check := range service.Checks {
		settled, obstacle, note := b.settleCheck(check)
		if obstacle != "" && !b.choice.WithoutChecks {
			return wanted, "check " + check.id() + ": " + obstacle + "; its program announces it again, or -without-checks writes it without", nil
		}
		if obstacle != "" {
			note = "without check " + check.id()
		} else {
			wanted.Checks = append(wanted.Checks, settled)
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	return wanted, "", notes
}

// settleCheck does the same for a check.
func (b bringing) settleCheck(check AgentCheck) (wanted AgentCheck, obstacle, note string) {
	d := check.Definition
	program, _ := d["Args"].([]any)
	switch {
	case check.id() == nodeMaintenance:
		return check, "maintenance of a node is not moved", ""
	case len(d) == 0:
		return check, "what it looks at is told by no agent of Consul's, so it is not in the file", ""
	case len(program) > 0 && !b.to.self.DebugConfig.EnableRemoteScriptChecks:
		return check, "it runs a program, which the agent does not let others choose (enable_script_checks)", ""
	case d.text("Host") != "" && !b.to.isMuster():
		return check, "checks of the machine are muster's own", ""
	case b.elsewhere() && looksHere(d):
		return check, "it looks at the machine of " + b.from.Node + " from within; -same-machine says that this is the one", ""
	}
	if d["FlapDamping"] != nil && !b.to.isMuster() {
		d = d.without("FlapDamping")
		note = "check " + check.id() + " without FlapDamping, which is muster's own"
	}
	return AgentCheck{check.Check, d}, "", note
}

// looksHere reports whether a check looks at the machine that it is run on.
func looksHere(definition row) bool {
	for _, field := range []string{"TCP", "UDP", "H2PING"} {
		if isLoopback(definition.text(field)) {
			return true
		}
	}
	address, _, _ := strings.Cut(definition.text("GRPC"), "/")
	_, url, _ := strings.Cut(definition.text("HTTP"), "://")
	host := url
	if end := strings.IndexAny(url, "/?#"); end >= 0 {
		host = url[:end]
	}
	program, _ := definition["Args"].([]any)
	return isLoopback(address) || isLoopback(host) || len(program) > 0 || definition.text("OSService") != "" || definition.text("Host") != ""
}

// sameService reports whether an agent announces a service as it is wanted.
func sameService(there, wanted AgentService) bool {
	if !alike(there.Service, serviceBody(wanted.Service)) || (there.Maintenance == "") != (wanted.Maintenance == "") || len(there.Checks) != len(wanted.Checks) {
		return false
	}
	for _, check := range wanted.Checks {
		same := func(c AgentCheck) bool { return sameCheck(c, check) }
		if !slices.ContainsFunc(there.Checks, same) {
			return false
		}
	}
	return true
}

// sameCheck reports whether a check is as it is wanted, however it fares; what
// it looks at is compared where both are told.
func sameCheck(there, wanted AgentCheck) bool {
	said := func(c AgentCheck) row { return c.Check.without("Status", "Output") }
	return alike(said(there), said(wanted)) && (there.Definition == nil || alike(there.Definition, wanted.Definition))
}

// announce has the registry's own agent announce a service as it is wanted, and
// nothing of how it was before.
func (r *registry) announce(ctx context.Context, wanted, before AgentService) error {
	body := wanted.Service.without("Service")
	body["Name"] = wanted.Service["Service"]
	checks := []row{}
	kept := map[string]bool{}
	for _, check := range wanted.Checks {
		definition := check.Definition.without("ID", "ServiceID")
		definition["CheckID"] = check.id()
		checks = append(checks, definition)
		kept[check.id()] = true
	}
	body["Checks"] = checks
	if _, err := r.Raw().Write("/v1/agent/service/register", body, nil, writing(ctx)); err != nil {
		return err
	}
	for _, check := range before.Checks {
		if !kept[check.id()] {
			if err := r.Agent().CheckDeregisterOpts(check.id(), reading(ctx)); err != nil {
				return err
			}
		}
	}
	id := wanted.Service.text("ID")
	switch {
	case wanted.Maintenance != "":
		return r.Agent().EnableServiceMaintenanceOpts(id, wanted.Maintenance, reading(ctx))
	case before.Maintenance != "":
		return r.Agent().DisableServiceMaintenanceOpts(id, reading(ctx))
	}
	return nil
}
