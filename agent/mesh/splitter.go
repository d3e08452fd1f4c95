package mesh

import "math"

// ServiceSplitterConfigEntry spreads the requests to a service.
type ServiceSplitterConfigEntry struct {
	Kind   string
	Name   string
	Splits []ServiceSplit // their weights add up to 100

	Meta           map[string]string `json:",omitempty"`
	Hash           uint64            `json:",omitempty" hash:"ignore"`
	EnterpriseMeta `mapstructure:",squash"`
	RaftIndex      `hash:"ignore"`
}

// ServiceSplit is a part of the requests, and where they go.
type ServiceSplit struct {
	Weight          float32              // percent, to hundredths
	Service         string               `json:",omitempty"` // the splitter's own by default
	ServiceSubset   string               `json:",omitempty" alias:"service_subset"`
	Namespace       string               `json:",omitempty"`
	Partition       string               `json:",omitempty"`
	RequestHeaders  *HTTPHeaderModifiers `json:",omitempty" alias:"request_headers"`
	ResponseHeaders *HTTPHeaderModifiers `json:",omitempty" alias:"response_headers"`
}

func (e *ServiceSplitterConfigEntry) ID() EntryID        { return EntryID{ServiceSplitter, e.Name} }
func (e *ServiceSplitterConfigEntry) Stored() *RaftIndex { return &e.RaftIndex }
func (e *ServiceSplitterConfigEntry) hash() *uint64      { return &e.Hash }

func (e *ServiceSplitterConfigEntry) normalize() error {
	e.Kind = ServiceSplitter
	for n := range e.Splits {
		e.Splits[n].Weight = RoundWeight(e.Splits[n].Weight)
	}
	return nil
}

// hundredths returns a weight in hundredths of a percent.
func hundredths(weight float32) int { return int(math.Round(float64(weight * 100))) }

// RoundWeight returns the weight of a split to the hundredth of a percent, which
// is as small as one can be.
func RoundWeight(weight float32) float32 { return float32(hundredths(weight)) / 100 }

func (e *ServiceSplitterConfigEntry) validate() error {
	if e.Name == "" {
		return errNoName
	}
	if len(e.Splits) == 0 {
		return fault("no splits configured")
	}
	if err := metaFaults(e.Meta).err(); err != nil {
		return err
	}
	sum := 0
	seen := map[ServiceSplit]bool{}
	for _, split := range e.Splits {
		sum += hundredths(split.Weight)
		split.Weight = 0
		orElse(&split.Service, e.Name)
		if seen[split] {
			return faultf("split destination occurs more than once: service=%q, subset=%q, namespace=%q, partition=%q",
				split.Service, split.ServiceSubset, split.Namespace, split.Partition)
		}
		seen[split] = true
	}
	if sum != 100*100 {
		return faultf("the sum of all split weights must be 100, not %f", float32(sum)/100)
	}
	return nil
}

// related returns the services that the splitter sends requests to.
func (e *ServiceSplitterConfigEntry) related() (services []string) {
	for _, split := range e.Splits {
		services = append(services, split.Service)
	}
	return services
}
