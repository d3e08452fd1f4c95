// Package endpoint gives each method of the service one go-kit endpoint with a
// request and a response type, and wraps all of them in the same middleware:
// a log line, metrics, recovery from panics and a deadline.
//
// It holds no rules, those are in the service package, and knows no HTTP, that
// is in the transport package.
package endpoint

import (
	"context"
	"log/slog"
	"time"

	kit "github.com/go-kit/kit/endpoint"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/quiet"
	"github.com/realjf/muster/service"
)

// Set has one endpoint per method of the service. Each may be called
// concurrently.
type Set struct {
	SayHello  kit.Endpoint // SayHelloRequest to SayHelloResponse
	Discovery kit.Endpoint // DiscoveryRequest to DiscoveryResponse
	Health    kit.Endpoint // HealthRequest to HealthResponse
}

// Config says what surrounds every endpoint. Its zero value works.
type Config struct {
	Logger  *slog.Logger  // gets a line per call; nil means silence
	Metrics *Metrics      // counts the calls; nil means that nobody counts
	Timeout time.Duration // how long one call may take; 0 means 5 seconds
}

const defaultTimeout = 5 * time.Second

// New returns the endpoints of svc.
func New(svc *service.Service, cfg Config) Set {
	return Set{
		SayHello:  cfg.around("say-hello")(sayHello(svc)),
		Discovery: cfg.around("discovery")(discovery(svc)),
		Health:    cfg.around("health")(health(svc)),
	}
}

// around returns the middleware of one method. The log line and the metrics
// stand outside, so that they see what recovery and the deadline made of it.
func (c Config) around(method string) kit.Middleware {
	c.Logger = quiet.Logger(c.Logger)
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	return kit.Chain(
		logCalls(c.Logger, method),
		c.Metrics.measure(method),
		recoverPanics,
		limitTime(c.Timeout),
	)
}

// SayHelloRequest asks for the greeting.
type SayHelloRequest struct{}

// SayHelloResponse is the greeting.
type SayHelloResponse struct {
	Message string `json:"message"`
}

func sayHello(svc *service.Service) kit.Endpoint {
	return func(context.Context, any) (any, error) {
		return SayHelloResponse{Message: svc.SayHello()}, nil
	}
}

// DiscoveryRequest asks for the healthy instances of a service.
type DiscoveryRequest struct {
	ServiceName string
}

// DiscoveryResponse lists the healthy instances of a service, or says in Error
// why there are none.
type DiscoveryResponse struct {
	Instances []discover.Instance `json:"instances"` // never nil
	Error     string              `json:"error"`
}

func discovery(svc *service.Service) kit.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		instances, err := svc.Discover(ctx, request.(DiscoveryRequest).ServiceName)
		if err != nil {
			return nil, err
		}
		return DiscoveryResponse{Instances: instances}, nil
	}
}

// HealthRequest asks whether the service takes new work.
type HealthRequest struct{}

// HealthResponse says whether the service takes new work.
type HealthResponse struct {
	Status bool `json:"status"`
}

func health(svc *service.Service) kit.Endpoint {
	return func(context.Context, any) (any, error) {
		if err := svc.Health(); err != nil {
			return nil, err
		}
		return HealthResponse{Status: true}, nil
	}
}
