package consul

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/refusal"
)

// This file is how a watch asks a registry, which is most of what a client does:
// one request without a detour, of whose answer only those entries are decoded
// that the last one did not have.

// Next answers q from the registry's health endpoint, as [discover.Source] says. It
// asks for all instances and not only for the passing ones, so that a caller
// can be told why the others are out.
func (c *Client) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	once := conversation{consul: c, exchanger: shared{c.http}}
	return once.Next(ctx, q, after)
}

// Open returns the registry for one watch, without blocking: it has a connection of
// its own where it can, and of an answer it decodes what the last one did not have.
func (c *Client) Open() interface {
	discover.Source
	io.Closer
} {
	all := shared{c.http}
	if c.line == nil {
		return &conversation{consul: c, exchanger: all}
	}
	return &conversation{consul: c, exchanger: &line{dial: c.line, zipped: c.zipped, other: all}}
}

// conversation is what one watch asks of a registry, one question after the
// other. While it waits for an answer it has little on its stack: of many watches
// the stacks are most of what they cost.
type conversation struct {
	consul *Client
	exchanger
	known   entries
	tag     string // of the list that known is of; empty where the registry gives none
	warming bool   // the last answer was
	severed bool   // a connection broke since
	seen    bool   // an answer had instances
}

// reply is an answer of the registry.
type reply struct {
	discover.Snapshot
	behind time.Duration // the leader was the server that gave it
}

// Close implements [io.Closer].
func (r *conversation) Close() error { return r.close() }

// Next implements [discover.Source] for one caller at a time.
func (r *conversation) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	if err := q.Validate(); err != nil {
		return discover.Snapshot{}, err
	}
	s, err := r.health(ctx, &q, after)
	if err != nil {
		return discover.Snapshot{}, fmt.Errorf("health of service %q: %w", q.Service, err)
	}
	switch {
	case r.severed && s.Err != nil:
		s.Err = fmt.Errorf("%w; %w", s.Err, refusal.ErrInterrupted)
	case r.severed:
		s.Err = refusal.ErrInterrupted
	}
	r.severed = false
	return s.Snapshot, nil
}

// health answers q from the datacenter that it names, and when none is healthy
// there from the first of the others that has one.
func (r *conversation) health(ctx context.Context, q *discover.Query, after uint64) (*reply, error) {
	s, err := r.healthIn(ctx, q, q.Datacenter, after)
	if err == nil && len(s.Instances) == 0 && q.Failover != "" {
		err = r.failOver(ctx, q, s)
	}
	return s, err
}

// failOver takes what is healthy in the first of the other datacenters that has
// one over into an answer without.
func (r *conversation) failOver(ctx context.Context, q *discover.Query, s *reply) error {
	var silent []error
	for _, datacenter := range q.FailoverList() {
		// One that cannot be asked has nobody to offer; the next one may.
		elsewhere := conversation{consul: r.consul, exchanger: r.exchanger}
		var other *reply
		err := within(ctx, failoverPatience, func(ctx context.Context) (err error) {
			other, err = elsewhere.healthIn(ctx, q, datacenter, 0)
			return err
		})
		r.severed = r.severed || elsewhere.severed
		if err == nil && len(other.Instances) > 0 {
			s.Instances = other.Instances
			return nil
		}
		if err != nil {
			silent = append(silent, fmt.Errorf("datacenter %q: %w", datacenter, err))
		}
	}
	if len(silent) > 0 && s.Err == nil {
		s.Err = fmt.Errorf("%w: %w", discover.ErrElsewhere, errors.Join(silent...))
	}
	return ctx.Err()
}

const (
	// failoverWait is how long a question with fail-over is held back at most:
	// only a new question sees what changes in the other datacenters.
	failoverWait = 5 * time.Second

	// failoverPatience is how long one of the other datacenters may take to answer.
	failoverPatience = 3 * time.Second

	// warmingWait is the same while the registry warms up: it wakes nobody when
	// that is over.
	warmingWait = 5 * time.Second
)

// healthIn answers q from one datacenter.
func (r *conversation) healthIn(ctx context.Context, q *discover.Query, datacenter string, after uint64) (*reply, error) {
	wait := r.consul.wait
	if q.Failover != "" {
		wait = min(wait, failoverWait)
	}
	if r.warming {
		wait = min(wait, warmingWait)
	}
	s, err := r.ask(ctx, &question{q, datacenter, q.Consistency, after, wait})
	if err == nil && q.Consistency == discover.Stale && s.behind > r.consul.maxStale {
		s, err = r.ask(ctx, &question{q, datacenter, discover.Leader, 0, 0})
	}
	return s, err
}

// question is one request.
type question struct {
	*discover.Query
	datacenter  string // which is asked
	consistency discover.Consistency
	after       uint64
	wait        time.Duration // how long it may be held back, if after is not 0
}

// ask makes one request.
func (r *conversation) ask(ctx context.Context, q *question) (s *reply, err error) {
	if q.after == 0 {
		q.wait = 0 // it is answered at once
	}
	err = within(ctx, patienceFor(q.wait), func(ctx context.Context) error {
		response, severed, err := r.do(ctx, func(ctx context.Context) (*http.Request, error) {
			request, err := r.consul.request(ctx, q)
			if err == nil {
				askForDelta(request, r.tag)
			}
			return request, err
		})
		r.severed = r.severed || severed
		if err != nil {
			return err
		}
		s, err = r.read(q.Query, response)
		_ = response.Body.Close() // it was read, so that the connection is kept
		if err == nil {
			err = r.see(ctx, q, s, response.Header)
		}
		return err
	})
	return s, err
}

// request returns a question as Consul's API has it.
// https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-a-service
func (c *Client) request(ctx context.Context, q *question) (*http.Request, error) {
	token, err := c.currentToken()
	if err != nil {
		return nil, err
	}
	params := url.Values{}
	set := func(name, value string) {
		if value != "" {
			params.Set(name, value)
		}
	}
	set("dc", cmp.Or(q.datacenter, c.settings.Datacenter))
	set("ns", c.settings.Namespace)
	set("partition", c.settings.Partition)
	set("near", q.Near)
	set("filter", q.Filter)
	for _, tag := range q.TagList() {
		params.Add("tag", tag)
	}
	switch q.consistency {
	case discover.Stale:
		params.Set("stale", "")
	case discover.Consistent:
		params.Set("consistent", "")
	}
	if q.after > 0 {
		params.Set("index", strconv.FormatUint(q.after, 10))
		params.Set("wait", fmt.Sprintf("%dms", max(q.wait.Milliseconds(), 1)))
	}
	address := c.base
	address.Path += "/v1/health/service/" + q.Service
	address.RawQuery = params.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	if token = cmp.Or(token, c.settings.Token); strings.ContainsFunc(token, unicode.IsControl) {
		return nil, errors.New("the token has a character that no header may have, such as a new line")
	}
	if token != "" {
		request.Header.Set("X-Consul-Token", token)
	}
	if auth := c.settings.HttpAuth; auth != nil {
		request.SetBasicAuth(auth.Username, auth.Password)
	}
	if !c.zipped {
		request.Header.Set("Accept-Encoding", "identity")
	}
	return request, nil
}

// read makes a reply of an answer. An answer without a known leader is one: the
// servers that gave it know the instances, so that header is not looked at.
func (r *conversation) read(q *discover.Query, response *http.Response) (*reply, error) {
	isDelta := isDeltaFrom(response, r.tag)
	if response.StatusCode != http.StatusOK && !isDelta {
		err := refusal.Of(response)
		if refusal.IsOfQuestion(err) {
			err = fmt.Errorf("%w: %w", discover.ErrRefused, err)
		}
		return nil, err
	}
	text := newText()
	defer freeText(text)
	if err := readText(text, response, r.consul.longest); err != nil {
		return nil, err
	}
	snapshot := r.known.snapshot
	if isDelta {
		snapshot = r.known.since
	}
	r.tag = "" // what cannot be read is asked for as a whole
	s, err := snapshot(r.consul.seed, *q, text.Bytes())
	if err != nil {
		return nil, err
	}
	r.tag = tagOf(response)
	if s.Known() == 0 && response.Header.Get("X-Consul-Results-Filtered-By-Acls") == "true" {
		return nil, fmt.Errorf("%w: there are instances, and the token may see none; it needs service:read and node:read", discover.ErrRefused)
	}
	// What is no number is none: the answer is of use all the same.
	index, _ := strconv.ParseUint(response.Header.Get("X-Consul-Index"), 10, 64)
	contact, _ := strconv.ParseUint(response.Header.Get("X-Consul-LastContact"), 10, 32)
	warming, _ := strconv.Atoi(response.Header.Get("X-Muster-Warming"))
	s.Index, s.Confirmed = max(index, 1), time.Now()
	if r.warming = warming > 0; r.warming {
		s.Err = fmt.Errorf("%w: %d checks", discover.ErrUnlooked, warming)
	}
	return &reply{s, time.Duration(contact) * time.Millisecond}, nil
}
