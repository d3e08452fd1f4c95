package grpcdiscover

import (
	"reflect"

	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/resolver"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// conn is the connection to one instance.
type conn struct {
	balancer.SubConn
	endpoint resolver.Endpoint
	target   *balance.Target

	// state is what counts of the connection's: one that could not be made has
	// failed until it is ready, over all further attempts. Else a service of
	// which nobody can be reached would seem to be about to connect, for ever.
	state connectivity.State
	err   error // why it failed
}

// connID tells connections apart. Two instances at one address have one each.
type connID struct{ datacenter, node, id, address, serverName string }

func idOf(e resolver.Endpoint, i discover.Instance) connID {
	return connID{i.Datacenter, i.Node, i.ID, e.Addresses[0].Addr, e.Addresses[0].ServerName}
}

// serves reports whether c is a connection for an endpoint with the same id.
// One that failed is not when the registry has news of the instance: a new one is
// tried at once, where the old one waits longer the more often it failed.
func (c *conn) serves(e resolver.Endpoint, i discover.Instance) bool {
	if c.state == connectivity.TransientFailure && !reflect.DeepEqual(c.target.Instance, i) {
		return false
	}
	for n, address := range e.Addresses {
		if n >= len(c.endpoint.Addresses) || !sameAddress(address, c.endpoint.Addresses[n]) {
			return false
		}
	}
	return len(e.Addresses) == len(c.endpoint.Addresses)
}

// sameAddress compares what a connection is made with.
func sameAddress(a, b resolver.Address) bool {
	return a.Addr == b.Addr && a.ServerName == b.ServerName && a.Attributes.Equal(b.Attributes)
}

// turn takes over what gRPC says of the connection, and reports whether it is
// ready or failed now and was not, or the other way round.
func (c *conn) turn(s balancer.SubConnState) (news bool) {
	before := c.state
	switch s.ConnectivityState {
	case connectivity.Idle: // lost, or waited after a failure
		c.Connect()
		if before == connectivity.TransientFailure {
			return false
		}
	case connectivity.Connecting:
		if before == connectivity.TransientFailure {
			return false
		}
	case connectivity.TransientFailure:
		c.err = s.ConnectionError
	}
	c.state = s.ConnectivityState
	return true
}
