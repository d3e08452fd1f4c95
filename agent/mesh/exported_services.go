package mesh

import (
	"encoding/json"
	"maps"
	"slices"
)

// ExportedServicesConfigEntry says which services other clusters may see. Its
// name is [DefaultPartition].
type ExportedServicesConfigEntry struct {
	Name     string
	Services []ExportedService `json:",omitempty"`

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// ExportedService is a service, or all with the name "*", and who may see it.
type ExportedService struct {
	Name      string
	Namespace string            `json:",omitempty"`
	Consumers []ServiceConsumer `json:",omitempty"`
}

// ServiceConsumer is one who may see a service. What is not a peer is Consul's
// enterprise edition's.
type ServiceConsumer struct {
	Partition     string `json:",omitempty"`
	Peer          string `json:",omitempty" alias:"peer_name"`
	SamenessGroup string `json:",omitempty" alias:"sameness_group"`
}

func (e *ExportedServicesConfigEntry) ID() EntryID        { return EntryID{ExportedServices, e.Name} }
func (e *ExportedServicesConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ExportedServicesConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ExportedServicesConfigEntry) normalize() error {
	for n := range e.Services {
		e.Services[n].Namespace = "" // there is but one
	}
	return nil
}

// MarshalJSON implements json.Marshaler: the kind is shown, but no part of the
// hash.
func (e *ExportedServicesConfigEntry) MarshalJSON() ([]byte, error) {
	type Alias ExportedServicesConfigEntry
	return json.Marshal(struct {
		Kind string
		*Alias
	}{ExportedServices, (*Alias)(e)})
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *ExportedServicesConfigEntry) UnmarshalJSON(data []byte) error {
	type Alias ExportedServicesConfigEntry
	return strictly(data, &struct {
		Kind string
		*Alias
	}{Alias: (*Alias)(e)})
}

func (e *ExportedServicesConfigEntry) validate() error {
	if e.Name != DefaultPartition {
		return faultf("exported-services Name must be %q", DefaultPartition)
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	for n, svc := range e.Services {
		for c, consumer := range svc.Consumers {
			if consumer.SamenessGroup != "" {
				return faultf("Services[%d].Consumers[%d]: sameness-groups are an enterprise-only feature", n, c)
			}
		}
	}
	for n, svc := range e.Services {
		if svc.Name == "" {
			return faultf("Services[%d]: service name cannot be empty", n)
		}
		if len(svc.Consumers) == 0 {
			return faultf("Services[%d]: must have at least one consumer", n)
		}
		for c, consumer := range svc.Consumers {
			switch {
			case consumer.Peer != "" && consumer.Partition != "":
				return faultf("Services[%d].Consumers[%d]: must define at most one of Peer, Partition, or SamenessGroup", n, c)
			case consumer.Partition == wildcard:
				return faultf("Services[%d].Consumers[%d]: exporting to all partitions (wildcard) is not supported", n, c)
			case consumer.Peer == wildcard:
				return faultf("Services[%d].Consumers[%d]: exporting to all peers (wildcard) is not supported", n, c)
			}
		}
	}
	return nil
}

// Exported returns the peers, in order, that may see each service, by its name;
// the services that there are stand for the name "*". Nobody sees that of the
// registry itself.
func (e *ExportedServicesConfigEntry) Exported(services []string, own string) map[string][]string {
	seen := map[string]map[string]bool{}
	for _, exported := range e.Services {
		names := []string{exported.Name}
		if exported.Name == wildcard {
			names = services
		}
		for _, name := range names {
			if name == own {
				continue
			}
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			for _, consumer := range exported.Consumers {
				if consumer.Peer != "" {
					seen[name][consumer.Peer] = true
				}
			}
		}
	}
	peers := map[string][]string{}
	for name, each := range seen {
		peers[name] = slices.AppendSeq([]string{}, maps.Keys(each))
		slices.Sort(peers[name])
	}
	return peers
}
