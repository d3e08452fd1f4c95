// Package grpcdiscover calls services by their names through gRPC:
//
//	conn, err := grpc.NewClient("muster:///web?tag=v2&zone=eu-1",
//		append(grpcdiscover.DialOptions(cache, grpcdiscover.Config{}), grpc.WithTransportCredentials(credentials))...)
//
// It has two parts. The resolver ([NewResolver]) gives a connection the healthy
// instances of a service, from a watch that all who ask the same share; any
// balancer of gRPC's can be used with it. The balancer, "muster" in a service
// config, chooses among those of them that a connection is ready to, by a policy
// of [balance], and tells the policy how calls fared.
//
// What the registry says and what gRPC sees are kept apart: a registry that is
// away takes no instance away, and an instance that cannot be reached is not
// chosen however healthy the registry has it; nor is one that was registered without
// a port connected to. An instance that leaves gets no
// further calls, and those under way finish. One that comes is connected to at
// once.
//
// The package sends nothing by itself. It refuses to guess: a word in a target
// that it does not know is an error. grpc.NewClient does not look at it, so that
// [Validate] says so before, or else every call, with INTERNAL. Calls to a service without instances
// fail with the reason.
package grpcdiscover

import (
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/balancer"
	"google.golang.org/grpc/resolver"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// Scheme is that of the targets which the resolver takes.
const Scheme = "muster"

// Balancer is the name of the balancer in a service config:
//
//	{"loadBalancingConfig": [{"muster": {"policy": "peak_ewma", "zone": "eu-1", "requestHashHeader": "x-user"}}]}
//
// All of its fields may be left out. The policy is one that [balance.Named] knows and
// stands for itself in [balance.Zone], if there is a zone, in [balance.Outlier];
// without one it is that of the Config. The value of the header, which callers send,
// decides what [balance.ConsistentHash] chooses, where [WithKey] does not.
const Balancer = "muster"

// Config holds what a resolver and the balancer can do without; the zero value
// works. Its functions may be called concurrently and must not block.
type Config struct {
	// Policy chooses among the instances. Nil means the one with fewer calls
	// under way out of two, and none that fail:
	//
	//	balance.Outlier(balance.OutlierConfig{}, balance.LeastRequest())
	Policy balance.Policy
	// Subset, with its Callers above 1, bounds how many instances are connected
	// to, as [balance.Subset] says, which must not stand in Policy then.
	Subset balance.SubsetConfig
	// ServiceConfig is what the resolver says of how calls are made, in gRPC's
	// JSON: retries, timeouts, client-side health checks. The balancer is this
	// package's where it names none. gRPC does not look at the one of
	// grpc.WithDefaultServiceConfig then, nor where a target names a policy or
	// a zone.
	//
	// https://github.com/grpc/grpc/blob/master/doc/service_config.md
	ServiceConfig string
	// ServerName returns the name that an instance's certificate must be for,
	// and that calls to it have as their authority; "" is that of the connection:
	// the service's, if grpc.WithAuthority did not say otherwise. Nil means the
	// connection's for all. The names must come from who is trusted.
	ServerName func(discover.Instance) string
	// Failed reports whether the error of a call is the failure of the instance
	// that it was sent to. Nil means [Failed].
	Failed func(error) bool
	// Observe is told of each attempt when it has ended, with its number where
	// [DialOptions] are used. Nil means nobody is.
	Observe func(balance.Attempt)
}

// NewResolver returns a builder of resolvers, for grpc.WithResolvers, that
// takes targets such as
//
//	muster:///web
//	muster:///web?tag=v2&tag=canary&dc=eu&failover=us&failover=asia
//	muster:///web?near=_agent&filter=Service.Meta.version!="1"&warning=true&consistency=leader
//	muster:///web?policy=peak_ewma&zone=eu-1
//
// Where there is neither a policy nor a zone, and no Config.ServiceConfig, the
// balancer is the one that grpc.WithDefaultServiceConfig says, as is gRPC's
// custom: "pick_first" if nothing does. [DialOptions] says it.
//
// The cache must outlive the connections. It has room for a question each; see
// [discover.CacheConfig]. NewResolver calls [Register]. It panics when cache is nil,
// and where [balance.Subset] does.
func NewResolver(cache *discover.Cache, cfg Config) resolver.Builder {
	if cache == nil {
		panic("grpcdiscover: NewResolver needs a cache, and it is nil")
	}
	_ = balance.Subset(cfg.Subset, &looking{}) // here, and not in a goroutine of gRPC's
	Register()
	return &builder{cache, &cfg}
}

// DialOptions returns the options of a connection whose targets NewResolver's
// builder resolves and whose calls this package's balancer distributes, unless
// the service config of cfg or of a later grpc.WithDefaultServiceConfig names
// another one. A call that is tried again, by gRPC's retry policy or by an
// interceptor that stands after these options, goes to an instance that it was not
// sent to, while there is one. An instance that the registry has healthy is
// connected to again within ten seconds of when it can be, instead of two
// minutes, and the environment's proxy is not used. Options that are given after
// these take their place.
func DialOptions(cache *discover.Cache, cfg Config) []grpc.DialOption {
	wait := backoff.DefaultConfig
	wait.MaxDelay = 10 * time.Second
	return []grpc.DialOption{
		grpc.WithResolvers(NewResolver(cache, cfg)),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"` + Balancer + `": {}}]}`),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: wait, MinConnectTimeout: 5 * time.Second}),
		grpc.WithNoProxy(),
		grpc.WithChainUnaryInterceptor(rememberUnary),
		grpc.WithChainStreamInterceptor(rememberStream),
	}
}

// Register makes the balancer known to gRPC, whose list of balancers is the
// process's and has no lock: a program that makes connections in several
// goroutines calls it before, in main. NewResolver and DialOptions do so too.
// All calls but the first do nothing.
func Register() { register() }

var register = sync.OnceFunc(func() { balancer.Register(musterBuilder{}) })
