package main

import (
	"context"
	"fmt"
	"time"

	"github.com/realjf/muster/test/registry"
)

const registerPeriod = 2 * time.Second

// registrations measures how fast instances can arrive.
func registrations(ctx context.Context, r *registry.Registry) (float64, error) {
	return throughput(ctx, r.Address(), registerPeriod, func(n uint64) []byte {
		return put("/v1/agent/service/register", instance(fmt.Sprintf("web-%d", n%100), n, ""))
	})
}

// instance returns the body of a registration: the n-th instance of a service.
// Another version makes another instance of it under the same id.
func instance(service string, n uint64, version string) []byte {
	return fmt.Appendf(nil, `{"ID":"%[1]s-%06[2]d","Name":"%[1]s","Address":"10.1.%[3]d.%[4]d","Port":12000,`+
		`"Tags":["blue","http"],"Meta":{"version":"%[5]s","zone":"a"}}`, service, n, n/250%250, n%250, version)
}
