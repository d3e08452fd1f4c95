// Package consul asks a registry that speaks Consul's public HTTP API, which is a
// Consul agent or muster's own: a [Client] is the [discover.Source] to find
// instances in, and the [announce.Registry] to announce them to.
//
// It keeps to the rules of Consul's blocking queries and of its errors, and takes
// its settings, environment, tokens and certificates as Consul's own client does.
// It refuses to remember an answer or to ask again by itself: that is what a
// [discover.Watcher] does. Everything may be called concurrently.
package consul

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/internal/refusal"
)

// Config holds what a Client can do without; the zero value works.
type Config struct {
	// Wait is how long the registry may hold a question back while nothing
	// changes; 0 means a minute, and Consul takes at most ten. A longer one
	// means fewer requests, and that a connection that broke without a word
	// is noticed later.
	Wait time.Duration
	// MaxStale is how old the answer to a [discover.Stale] question may be; 0 means
	// ten seconds. When a server is that far behind, the leader is asked
	// instead.
	MaxStale time.Duration
	// Token gives the token that each request carries, so that a new one is
	// used as soon as it is there; it must return soon and may be called at
	// once from several goroutines. [TokenFile] reads it from a file. Nil
	// leaves the client's own.
	Token func() (string, error)
}

// Client is a registry that speaks Consul's HTTP API: a Consul agent or
// muster's own. It is a [discover.Source] and an
// [announce.Registry], and safe for concurrent
// use.
type Client struct {
	client   *api.Client  // for all but the health of services
	http     *http.Client // the same one
	settings api.Config   // what the client was made of, with nothing left out
	base     url.URL      // of its API
	wait     time.Duration
	maxStale time.Duration
	token    func() (string, error)
	longest  int64        // that the health of a service may be, in bytes
	zipped   bool         // whether to ask for compressed answers
	seed     maphash.Seed // of the prints of entries
	prober   *prober
	line     func(context.Context) (net.Conn, error) // connects a watch; nil where only net/http can
}

var (
	_ discover.Source   = (*Client)(nil)
	_ announce.Registry = (*Client)(nil)
)

// New returns the registry at the address that at has, with its token,
// datacenter and TLS. What at leaves out, Consul's environment variables say:
// nil leaves all to them, CONSUL_HTTP_ADDR and the like. It sends nothing; the
// error says which setting is wrong, and wraps ErrInvalid where that is the
// address or the scheme.
//
// An address is HOST, HOST:PORT, either after http:// or https:// and then with a
// path too, or unix://PATH. An IPv6 address stands in brackets. Without a port it
// is the scheme's, 80 or 443, as with Consul's client. A user and password belong
// in at's HttpAuth.
//
// Where at has an HttpClient, that makes the connections. Otherwise they are
// the Client's own, after the pattern of at's Transport: with small buffers, as
// many kept as a [discover.Cache] watches, and with certificates that are read anew from
// the files of at's TLSConfig when they change, as long as they can be used. A
// watch over plain HTTP, without a proxy, then has one for itself.
//
// An answer that leads to another host, or from TLS to plain text, is an error, for a
// token is for its registry alone; a CheckRedirect of at's HttpClient decides
// instead, and what it follows has neither token nor password.
//
// An answer that the registry does not hold back may take 15 seconds, for a Consul
// without a leader looks for one for ten; one that it does hold back may take that
// long more. A context ends a request sooner.
//
// An error of a request wraps [discover.ErrRefused] where the registry will not
// answer it, and [discover.ErrUnavailable] where there was no answer; the status
// and the text of an answer are in it as an [api.StatusError].
func New(at *api.Config, cfg Config) (*Client, error) {
	if at == nil {
		at = api.DefaultConfig()
	}
	address, err := Address(cmp.Or(at.Address, api.DefaultConfig().Address))
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	if at.Scheme != "" && at.Scheme != "http" && at.Scheme != "https" {
		return nil, fmt.Errorf("registry: %w scheme %q: want http or https", discover.ErrInvalid, at.Scheme)
	}
	settings := *at
	settings.Address = address
	own := settings.HttpClient == nil
	if !own {
		theirs := *settings.HttpClient // which stays as it is
		settings.HttpClient = &theirs
	}
	renewed := own && connect(&settings)
	client, err := api.NewClient(&settings) // which fills in the settings
	if err != nil {
		return nil, fmt.Errorf("registry at %q: %w", at.Address, err)
	}
	if renewed {
		renewCertificates(settings.Transport, settings.TLSConfig)
	}
	settings.HttpClient.CheckRedirect = stayingHome(settings.HttpClient.CheckRedirect)
	host := settings.Address
	if strings.HasPrefix(host, "/") {
		host = "localhost" // a socket, as the client has it
	}
	c := &Client{
		client:   client,
		http:     settings.HttpClient,
		settings: settings,
		base:     url.URL{Scheme: settings.Scheme, Host: host, Path: settings.PathPrefix},
		wait:     cmp.Or(cfg.Wait, settings.WaitTime, time.Minute),
		maxStale: cmp.Or(cfg.MaxStale, 10*time.Second),
		token:    cfg.Token,
		longest:  longestAnswer,
		seed:     maphash.MakeSeed(),
	}
	c.zipped = !isNear(c.base.Hostname())
	c.prober = newProber(dialerTo(c.http, c.base))
	if own {
		c.line = lineTo(c.http, c.base)
	}
	return c, nil
}

// CloseIdleConnections closes the connections that no request uses. Who makes a
// Client for a while calls it at the end, when its watches are closed.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Reach blocks until the registry can be connected to. A [discover.Watcher] whose
// queries did not arrive waits for it, to ask again soon. All callers are served by
// one probe: ten connections a second, which are closed at once. They return spread
// over a fifth of a second, or over a millisecond for each where they are more, but
// over a second at most. The error is ctx's, soon after ctx ends.
func (c *Client) Reach(ctx context.Context) error { return c.prober.reach(ctx) }

// IsMuster reports whether the registry is muster's agent rather than a
// Consul. It blocks for one request.
func (c *Client) IsMuster(ctx context.Context) (bool, error) {
	var self map[string]any
	err := c.ask(ctx, api.QueryOptions{}, func(options *api.QueryOptions) error {
		_, err := c.client.Raw().Query("/v1/agent/self", &self, options)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("tell muster from consul: %w", err)
	}
	_, is := self["Muster"]
	return is, nil
}

// patience is how long an answer that the registry does not hold back may
// take. A Consul without a leader looks for one for up to ten seconds before
// it answers, even to a registration.
const patience = 15 * time.Second

// patienceFor is how long an answer may take that the registry holds back for
// so long.
func patienceFor(wait time.Duration) time.Duration {
	return patience + wait + wait/16 // Consul adds up to a sixteenth
}

// ask makes one request of the client's, as how says, within the time that it
// may take.
func (c *Client) ask(ctx context.Context, how api.QueryOptions, request func(*api.QueryOptions) error) error {
	if how.WaitHash == "" {
		how.WaitTime = 0
	}
	token, err := c.currentToken()
	if err != nil {
		return err
	}
	how.Token = token
	err = within(ctx, patienceFor(how.WaitTime), func(ctx context.Context) error { return request(how.WithContext(ctx)) })
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case refusal.IsOfQuestion(err):
		return kinded{err, discover.ErrRefused}
	}
	return kinded{err, discover.ErrUnavailable}
}

// kinded is an error of a request, which says enough, with what a caller decides
// on.
type kinded struct{ error, kind error }

func (k kinded) Error() string   { return k.error.Error() }
func (k kinded) Unwrap() []error { return []error{k.error, k.kind} }

// currentToken returns the token for the next request; empty leaves the
// client's own.
func (c *Client) currentToken() (string, error) {
	if c.token == nil {
		return "", nil
	}
	token, err := c.token()
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}

// within makes a request that may take so long: a connection that broke without
// a word must not hang a loop for ever.
func within(ctx context.Context, limit time.Duration, request func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := request(bounded)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case bounded.Err() != nil:
		return fmt.Errorf("no answer within %s", limit)
	}
	return err
}
