package move

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// What the registry itself puts into the catalog.
const (
	agentAlive         = "serfHealth"
	nodeMaintenance    = "_node_maintenance"
	serviceMaintenance = "_service_maintenance:"
)

func collectServices(ctx context.Context, from *registry, _ Choice, contents *Contents) error {
	agent, err := from.agent(ctx)
	if err != nil {
		return err
	}
	contents.Agent = agent
	return collectNodes(ctx, from, contents)
}

func planServices(ctx context.Context, to *registry, choice Choice, contents *Contents) ([]*Item, error) {
	items, err := planNodes(ctx, to, contents)
	if err != nil || contents.Agent == nil {
		return items, err
	}
	announced, err := planAgent(ctx, to, choice, contents)
	return append(items, announced...), err
}

// serviceBody is what a service says: neither when it was written nor what a
// registry adds by itself. Its address under the names of both families of
// addresses is one of those, and its virtual address, which each mesh gives.
func serviceBody(service row) row {
	body := service.without("CreateIndex", "ModifyIndex", "Datacenter", "ContentHash", "PeerName")
	tagged, _ := body["TaggedAddresses"].(map[string]any)
	kept := maps.Clone(tagged)
	maps.DeleteFunc(kept, func(name string, address any) bool {
		if name == "consul-virtual" {
			return true
		}
		family := strings.HasSuffix(name, "_ipv4") || strings.HasSuffix(name, "_ipv6")
		return family && alike(address, row{"Address": body["Address"], "Port": body["Port"]})
	})
	delete(body, "TaggedAddresses")
	if len(kept) > 0 {
		body["TaggedAddresses"] = kept
	}
	return body
}

// byKey returns rows by a field of text.
func byKey(rows []row, field string) map[string]row {
	found := make(map[string]row, len(rows))
	for _, r := range rows {
		found[r.text(field)] = r
	}
	return found
}

func sortedValues(m map[string]row) []row {
	var rows []row
	for _, key := range slices.Sorted(maps.Keys(m)) {
		rows = append(rows, m[key])
	}
	return rows
}
