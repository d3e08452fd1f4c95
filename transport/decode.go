package transport

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/realjf/muster/endpoint"
	"github.com/realjf/muster/service"
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
		return nil, fmt.Errorf("%w: query string: %w", service.ErrInvalidName, err)
	}
	names := query["serviceName"]
	switch len(names) {
	case 0:
		return nil, fmt.Errorf("%w: serviceName is missing, ask for /discovery?serviceName=NAME", service.ErrInvalidName)
	case 1:
		return endpoint.DiscoveryRequest{ServiceName: names[0]}, nil
	default:
		return nil, fmt.Errorf("%w: serviceName is given %d times, ask for one service at a time", service.ErrInvalidName, len(names))
	}
}
