package kitdiscover

import (
	"context"

	"github.com/go-kit/kit/endpoint"

	"github.com/realjf/muster/discover/balance"
)

// attemptsKey is where a request keeps its attempts.
type attemptsKey struct{}

// Remember is an endpoint.Middleware that stands before lb.Retry, so that a
// [Balancer] knows which attempts belong to one request:
//
//	call := kitdiscover.Remember(lb.Retry(3, time.Second, balancer))
//
// Another attempt goes to an instance that the request was not sent to then,
// while there is one, and Observe is told its number and why it was made.
func Remember(next endpoint.Endpoint) endpoint.Endpoint {
	return func(ctx context.Context, request any) (any, error) {
		return next(context.WithValue(ctx, attemptsKey{}, &balance.Attempts{}), request)
	}
}
