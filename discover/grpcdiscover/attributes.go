package grpcdiscover

import (
	"reflect"

	"google.golang.org/grpc/attributes"
	"google.golang.org/grpc/experimental/balancer/weight"
	"google.golang.org/grpc/resolver"

	"github.com/realjf/muster/discover"
)

// InstanceOf returns the instance that an endpoint of the resolver is, for
// balancers of others: with its id, zone, tags, meta, weights and status.
func InstanceOf(e resolver.Endpoint) (discover.Instance, bool) {
	i, ok := e.Attributes.Value(instanceKey{}).(instance)
	return i.Instance, ok
}

type (
	instanceKey struct{}
	settingsKey struct{}
)

// instance is a discover.Instance that can be compared as gRPC does it.
type instance struct{ discover.Instance }

// Equal is what gRPC compares attributes with.
func (i instance) Equal(other any) bool {
	o, ok := other.(instance)
	return ok && reflect.DeepEqual(i, o)
}

// String is what gRPC writes into its log.
func (i instance) String() string { return i.ID + " on " + i.Node }

// endpointOf returns an instance as an endpoint. What is known of it stands
// beside its address and not in it: a connection stays when the weight changes.
func endpointOf(i discover.Instance) resolver.Endpoint {
	endpoint := resolver.Endpoint{
		Addresses:  []resolver.Address{{Addr: i.HostPort()}},
		Attributes: attributes.New(instanceKey{}, instance{i}),
	}
	// What those of gRPC's own balancers go by that know weights.
	return weight.Set(endpoint, weight.EndpointInfo{Weight: uint32(max(0, i.Weight()))})
}

// settings is what a resolver tells the balancer of its connection, since
// gRPC makes the one without the other.
type settings struct {
	*Config
	why error // there is no instance; nil while there are
}

func withSettings(s settings) *attributes.Attributes { return attributes.New(settingsKey{}, s) }

// settingsOf returns what the resolver told; a resolver of others tells nothing.
func settingsOf(a *attributes.Attributes) settings {
	if s, ok := a.Value(settingsKey{}).(settings); ok {
		return s
	}
	return settings{Config: &Config{}}
}
