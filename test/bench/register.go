package main

import (
	"context"
	"fmt"
	"time"

	"github.com/realjf/muster/test/registry"
)

// registrations measures how fast instances can arrive.
func registrations(clients int) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		rate, _, err := throughput(ctx, r.Address(), clients, ratePeriod, func(n uint64) []byte { return register(anyInstance(n)) })
		return rate, err
	}
}

// registrationsAfter measures it where others arrived before.
func registrationsAfter(there uint64) func(context.Context, *registry.Registry) (float64, error) {
	return func(ctx context.Context, r *registry.Registry) (float64, error) {
		if err := arrive(ctx, r, there); err != nil {
			return 0, err
		}
		rate, _, err := throughput(ctx, r.Address(), clients, ratePeriod, func(n uint64) []byte { return register(anyInstance(there + n)) })
		return rate, err
	}
}

// arrive registers so many instances of 100 services.
func arrive(ctx context.Context, r *registry.Registry, instances uint64) error {
	if instances == 0 {
		return nil // and nobody connects
	}
	return sendAll(ctx, r.Address(), instances, func(n uint64) []byte { return register(anyInstance(n)) })
}

// deregistrations measures how fast instances can leave.
func deregistrations(ctx context.Context, r *registry.Registry) (float64, error) {
	_, arrived, err := throughput(ctx, r.Address(), clients, ratePeriod, func(n uint64) []byte { return register(anyInstance(n)) })
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = sendAll(ctx, r.Address(), arrived, func(n uint64) []byte {
		return put(fmt.Sprintf("/v1/agent/service/deregister/web-%d-%06d", n%services, n), nil)
	})
	return float64(arrived) / time.Since(start).Seconds(), err
}

// heartbeats measures how fast services can say that they live.
func heartbeats(ctx context.Context, r *registry.Registry) (float64, error) {
	const checks = 1000
	err := sendAll(ctx, r.Address(), checks, func(n uint64) []byte {
		return register(fmt.Appendf(nil, `{"ID":"beat-%[1]d","Name":"beat","Port":12000,"Check":{"TTL":"1h"}}`, n))
	})
	if err != nil {
		return 0, err
	}
	rate, _, err := throughput(ctx, r.Address(), clients, ratePeriod, func(n uint64) []byte {
		return put(fmt.Sprintf("/v1/agent/check/pass/service:beat-%d", n%checks), nil)
	})
	return rate, err
}

// services is how many services instances are of where many of them come.
const services = 100

// anyInstance returns the body of the n-th registration where many come.
func anyInstance(n uint64) []byte { return instance(fmt.Sprintf("web-%d", n%services), n, "") }

// instance returns the body of a registration: the n-th instance of a service.
// Another version makes another instance of it under the same id.
func instance(service string, n uint64, version string) []byte {
	return fmt.Appendf(nil, `{"ID":"%[1]s-%06[2]d","Name":"%[1]s","Address":"10.1.%[3]d.%[4]d","Port":12000,`+
		`"Tags":["blue","http"],"Meta":{"version":"%[5]s","zone":"a"}}`, service, n, n/250%250, n%250, version)
}

// register returns the bytes of a registration.
func register(body []byte) []byte { return put("/v1/agent/service/register", body) }
