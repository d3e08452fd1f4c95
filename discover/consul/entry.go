package consul

import (
	"cmp"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
)

// entry is what is read of an instance in the registry's answers.
// https://developer.hashicorp.com/consul/api-docs/health#sample-response-2
type entry struct {
	Node    *entryNode
	Service *entryService
	Checks  entryChecks
}

type entryNode struct {
	Node, Address, Datacenter string
	Locality                  *discover.Locality
}

type entryService struct {
	ID, Service, Address string
	Port                 int
	Tags                 []string
	Meta                 map[string]string
	Weights              discover.Weights
	Locality             *discover.Locality
}

type entryChecks []*entryCheck

type entryCheck struct {
	Node, CheckID, Name, Status, Output, Notes string
}

// instance returns the instance that e is about, whose parts are there.
func (e entry) instance() discover.Instance {
	service := e.Service
	i := discover.Instance{
		ID:         service.ID,
		Service:    service.Service,
		Address:    cmp.Or(service.Address, e.Node.Address),
		Port:       service.Port,
		Tags:       service.Tags,
		Meta:       service.Meta,
		Weights:    service.Weights,
		Datacenter: e.Node.Datacenter,
		Node:       e.Node.Node,
		Status:     e.Checks.status(),
	}
	if i.Tags == nil {
		i.Tags = []string{}
	}
	if i.Meta == nil {
		i.Meta = map[string]string{}
	}
	if locality := cmp.Or(service.Locality, e.Node.Locality); locality != nil {
		i.Locality = *locality
	}
	if i.Status != discover.Passing {
		i.Reason = e.Checks.reason()
	}
	return i
}

// status returns the worst of the checks' statuses. Where it is one that nobody
// has heard of, that is no reason to send traffic.
func (all entryChecks) status() discover.Status {
	order := []discover.Status{discover.Passing, discover.Warning, discover.Critical, discover.Maintenance}
	worst := 0
	for _, check := range all {
		status := discover.Status(check.Status)
		if check.CheckID == api.NodeMaint || strings.HasPrefix(check.CheckID, api.ServiceMaintPrefix) {
			status = discover.Maintenance
		} else if status == discover.Maintenance {
			return discover.Critical // no check has that status
		}
		rank := slices.Index(order, status)
		if rank < 0 {
			return discover.Critical
		}
		worst = max(worst, rank)
	}
	return order[worst]
}

// reason returns what each failing check says, sorted. A check of maintenance
// says why in its notes.
func (all entryChecks) reason() string {
	var reasons []string
	for _, check := range all {
		if check.Status != api.HealthPassing {
			said := strings.TrimSpace(cmp.Or(check.Output, check.Notes, check.Status))
			reasons = append(reasons, check.Name+": "+said)
		}
	}
	slices.Sort(reasons)
	return strings.Join(reasons, "; ")
}
