package consul

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/realjf/muster/discover"
)

// ownService is the service that every Consul registers itself as.
const ownService = "consul"

// errHidden is what a watch is told of an answer that tells nothing.
var errHidden error = kinded{errors.New("no token was given, and without one this Consul shows nothing, not even itself: " +
	"set CONSUL_HTTP_TOKEN, api.Config.Token or Config.Token to a token with service:read and node:read"), discover.ErrRefused}

// see tells an answer that has no instances from one that hides them. Where the
// default policy is "deny", a Consul answers who has no token with an empty list,
// and says nothing of a filter. Many let the anonymous token read all the same, and
// then nobody is nobody: so it is refused only where none was ever seen, neither of
// this service nor of Consul's own.
// https://developer.hashicorp.com/consul/docs/security/acl/tokens#anonymous-token
func (r *conversation) see(ctx context.Context, q *question, s *reply, header http.Header) error {
	r.seen = r.seen || s.Known() > 0
	if r.seen || header.Get("X-Consul-Default-Acl-Policy") != "deny" || r.consul.hasToken() {
		return nil
	}
	if q.Service == ownService {
		return errHidden
	}
	other := conversation{consul: r.consul, exchanger: r.exchanger}
	_, err := other.ask(ctx, &question{&discover.Query{Service: ownService}, q.datacenter, q.consistency, 0, 0})
	r.severed = r.severed || other.severed
	if errors.Is(err, errHidden) {
		return err
	}
	return nil // it is seen, or this cannot be told
}

// hasToken reports whether requests carry a token.
func (c *Client) hasToken() bool {
	token, err := c.currentToken()
	return err != nil || cmp.Or(token, c.settings.Token) != ""
}
