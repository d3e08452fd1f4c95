package state

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// catalogModel is the catalog as one would draw it: nodes with the services
// on them, and checks.
type catalogModel struct {
	addresses map[string]string          // of nodes
	services  map[[2]string]modelService // by node and id
	checks    map[[2]string]modelCheck   // by node and id
}

type modelService struct {
	name string
	port int
}

type modelCheck struct {
	serviceID string
	status    Status
}

func (m *catalogModel) deleteService(place [2]string) {
	delete(m.services, place)
	maps.DeleteFunc(m.checks, func(at [2]string, c modelCheck) bool { return at[0] == place[0] && c.serviceID == place[1] })
}

func (m *catalogModel) deleteNode(node string) {
	delete(m.addresses, node)
	maps.DeleteFunc(m.services, func(at [2]string, _ modelService) bool { return at[0] == node })
	maps.DeleteFunc(m.checks, func(at [2]string, _ modelCheck) bool { return at[0] == node })
}

// instances writes down the instances of a service, as [Snapshot.Instances]
// should have them.
func (m *catalogModel) instances(name string) string {
	var all []string
	for place, svc := range m.services {
		if svc.name != name {
			continue
		}
		var own, checks []string
		for at, c := range m.checks {
			text := fmt.Sprint(at[1], "=", c.status)
			switch {
			case at[0] == place[0] && c.serviceID == "":
				own = append(own, text)
			case at[0] == place[0] && c.serviceID == place[1]:
				checks = append(checks, text)
			}
		}
		slices.Sort(own)
		slices.Sort(checks)
		all = append(all, fmt.Sprint(place[0], "@", m.addresses[place[0]], " ", place[1], ":", svc.port, " ", slices.Concat(own, checks)))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func written(instances []Instance) string {
	var all []string
	for _, i := range instances {
		checks := []string{}
		for _, c := range i.Checks {
			checks = append(checks, fmt.Sprint(c.CheckID, "=", c.Status))
		}
		all = append(all, fmt.Sprint(i.Node.Node, "@", i.Node.Address, " ", i.Service.ID, ":", i.Service.Port, " ", checks))
	}
	return strings.Join(all, "\n")
}

// TestCatalogAgainstAModel holds random sequences of writes against a model:
// the same instances with the same checks; what cannot be written changes
// nothing; each topic's index rises, and its watchers wake, when its answer
// changes, and it stays where nothing is written.
func TestCatalogAgainstAModel(t *testing.T) {
	names := []string{"web", "db"}
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		m := &catalogModel{addresses: map[string]string{}, services: map[[2]string]modelService{}, checks: map[[2]string]modelCheck{}}
		nodes, ids := rapid.SampledFrom([]string{"n1", "n2"}), rapid.SampledFrom([]string{"s1", "s2", "s3"})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			node, id := nodes.Draw(t, "node"), ids.Draw(t, "id")
			place := [2]string{node, id}
			before := map[string]string{}
			index, woken := map[string]uint64{}, map[string]<-chan struct{}{}
			for _, name := range names {
				before[name] = m.instances(name)
				_, index[name], woken[name] = s.Look(ServiceHealth(name))
			}
			all := s.topics.index(Everything)
			_, hasNode := m.addresses[node]
			svc, hasService := m.services[place]
			fails, same := false, false
			var write func(*Writer) error
			switch op := rapid.SampledFrom([]string{"node", "service", "service", "check", "check", "leave", "forget", "end"}).Draw(t, "op"); op {
			case "node":
				address := rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.2"}).Draw(t, "address")
				write = func(w *Writer) error { return w.PutNode(Node{Node: node, Address: address}) }
				same = m.addresses[node] == address
				m.addresses[node] = address
			case "service":
				next := modelService{names[id[1]%2], rapid.IntRange(80, 81).Draw(t, "port")}
				write = func(w *Writer) error {
					return w.PutService(Service{Node: node, ID: id, Service: next.name, Port: next.port})
				}
				if fails = !hasNode; !fails {
					same = hasService && svc == next
					m.services[place] = next
				}
			case "check":
				next := modelCheck{rapid.SampledFrom([]string{"", id}).Draw(t, "of"), rapid.SampledFrom([]Status{Passing, Warning, Critical}).Draw(t, "status")}
				at := [2]string{node, "c-" + next.serviceID}
				write = func(w *Writer) error {
					return w.PutCheck(Check{Node: node, CheckID: at[1], ServiceID: next.serviceID, Status: next.status})
				}
				if fails = !hasNode || next.serviceID != "" && !hasService; !fails {
					same = m.checks[at] == next
					m.checks[at] = next
				}
			case "leave":
				write = func(w *Writer) error { w.DeleteService(node, id); return nil }
				same = !hasService
				m.deleteService(place)
			case "forget":
				write = func(w *Writer) error { w.DeleteCheck(node, "c-"+id); return nil }
				_, has := m.checks[[2]string{node, "c-" + id}]
				same = !has
				delete(m.checks, [2]string{node, "c-" + id})
			case "end":
				write = func(w *Writer) error { w.DeleteNode(node); return nil }
				same = !hasNode
				m.deleteNode(node)
			}
			if err := s.Write(write); (err != nil) != fails {
				t.Fatalf("got %v, want an error: %t", err, fails)
			}
			if now := s.topics.index(Everything); (now > all) == (same || fails) {
				t.Fatalf("the index went from %d to %d; nothing to write: %t", all, now, same || fails)
			}
			for _, name := range names {
				want := m.instances(name)
				if got := written(s.Snapshot().Instances(name)); got != want {
					t.Fatalf("%s: got\n%s\nwant\n%s", name, got, want)
				}
				now := s.topics.index(ServiceHealth(name))
				switch {
				case now < index[name]:
					t.Fatalf("the index of %s fell from %d to %d", name, index[name], now)
				case want != before[name] && (now == index[name] || !changed(woken[name])):
					t.Fatalf("%s is another, its index went from %d to %d, woken: %t", name, index[name], now, changed(woken[name]))
				case (same || fails) && now != index[name]:
					t.Fatalf("the index of %s went from %d to %d, and nothing was written", name, index[name], now)
				}
			}
		}
	})
}
