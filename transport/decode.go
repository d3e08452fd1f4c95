package transport

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/endpoint"
)

func decodeSayHello(context.Context, *http.Request) (any, error) {
	return endpoint.SayHelloRequest{}, nil
}

func decodeHealth(context.Context, *http.Request) (any, error) {
	return endpoint.HealthRequest{}, nil
}

// decodeDiscovery reads ?serviceName=X. It is strict where guessing would
// answer another question than the one asked.
func decodeDiscovery(_ context.Context, r *http.Request) (any, error) {
	// r.URL.Query() would drop what it cannot read without a word.
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("%w query string: %w", discover.ErrInvalid, err)
	}
	names := query["serviceName"]
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("%w request: serviceName is missing, ask for /discovery?serviceName=NAME", discover.ErrInvalid)
	case 1:
		return endpoint.DiscoveryRequest{ServiceName: names[0]}, nil
	default:
		return nil, fmt.Errorf("%w request: serviceName is given %d times, ask for one service at a time", discover.ErrInvalid, len(names))
	}
}
