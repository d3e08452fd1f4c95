package consul

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

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
	talk := c.Open()
	defer talk.Close()
	return talk.Next(ctx, q, after)
}

// Open returns the registry for one watch, as [discover.Opener] says: of an answer it
// decodes what the last one did not have.
func (c *Client) Open() discover.Conversation { return &conversation{consul: c} }

// conversation is what one watch asks of a registry, one question after the
// other.
type conversation struct {
	consul  *Client
	known   entries
	warming bool // the last answer was
	severed bool // a connection broke since
}

// Close implements [discover.Conversation].
func (r *conversation) Close() error { return nil }

// Next implements [discover.Source] for one caller at a time.
func (r *conversation) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	if err := q.Validate(); err != nil {
		return discover.Snapshot{}, err
	}
	var severed severed
	s, err := r.health(severed.watch(ctx), q, after)
	r.severed = r.severed || severed.is.Load()
	if err != nil {
		return discover.Snapshot{}, fmt.Errorf("health of service %q: %w", q.Service, err)
	}
	switch {
	case r.severed && s.Err != nil:
		s.Err = fmt.Errorf("%w; %w", s.Err, discover.ErrInterrupted)
	case r.severed:
		s.Err = discover.ErrInterrupted
	}
	r.severed = false
	return s, nil
}

// health answers q from the datacenter that it names, and when none is healthy
// there from the first of the others that has one.
func (r *conversation) health(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	s, err := r.healthIn(ctx, q, q.Datacenter, after)
	if err != nil || len(s.Instances) > 0 {
		return s, err
	}
	var silent []error
	for _, datacenter := range q.FailoverList() {
		// One that cannot be asked has nobody to offer; the next one may.
		elsewhere := conversation{consul: r.consul}
		other, err := elsewhere.healthIn(ctx, q, datacenter, 0)
		if err == nil && len(other.Instances) > 0 {
			s.Instances = other.Instances
			return s, nil
		}
		if err != nil {
			silent = append(silent, fmt.Errorf("datacenter %q: %w", datacenter, err))
		}
	}
	if len(silent) > 0 && s.Err == nil {
		s.Err = fmt.Errorf("%w: %w", discover.ErrElsewhere, errors.Join(silent...))
	}
	return s, ctx.Err()
}

const (
	// failoverWait is how long a question with fail-over is held back at most:
	// only a new question sees what changes in the other datacenters.
	failoverWait = 5 * time.Second

	// warmingWait is the same while the registry warms up: it wakes nobody when
	// that is over.
	warmingWait = 5 * time.Second
)

// healthIn answers q from one datacenter.
func (r *conversation) healthIn(ctx context.Context, q discover.Query, datacenter string, after uint64) (discover.Snapshot, error) {
	wait := r.consul.wait
	if q.Failover != "" {
		wait = min(wait, failoverWait)
	}
	if r.warming {
		wait = min(wait, warmingWait)
	}
	s, behind, err := r.ask(ctx, q, datacenter, q.Consistency, after, wait)
	if err == nil && q.Consistency == discover.Stale && behind > r.consul.maxStale {
		s, _, err = r.ask(ctx, q, datacenter, discover.Leader, 0, 0)
	}
	return s, err
}

// ask makes one request, and returns how far behind the leader the server was
// that answered it.
func (r *conversation) ask(ctx context.Context, q discover.Query, datacenter string, how discover.Consistency, after uint64, wait time.Duration) (s discover.Snapshot, behind time.Duration, err error) {
	c := r.consul
	token, err := c.currentToken()
	if err != nil {
		return s, 0, err
	}
	if after == 0 {
		wait = 0 // it is answered at once
	}
	err = within(ctx, patienceFor(wait), func(ctx context.Context) error {
		request, err := c.request(ctx, q, datacenter, how, after, wait, token)
		if err != nil {
			return err
		}
		response, err := c.http.Do(request)
		if err != nil {
			return err
		}
		// All of it is read, so that the connection is kept.
		defer response.Body.Close()
		s, behind, err = r.read(q, response)
		return err
	})
	return s, behind, err
}

// request returns a question as Consul's API has it.
// https://developer.hashicorp.com/consul/api-docs/health#list-service-instances-for-a-service
func (c *Client) request(ctx context.Context, q discover.Query, datacenter string, how discover.Consistency, after uint64, wait time.Duration, token string) (*http.Request, error) {
	params := url.Values{}
	set := func(name, value string) {
		if value != "" {
			params.Set(name, value)
		}
	}
	set("dc", cmp.Or(datacenter, c.settings.Datacenter))
	set("ns", c.settings.Namespace)
	set("partition", c.settings.Partition)
	set("near", q.Near)
	set("filter", q.Filter)
	for _, tag := range q.TagList() {
		params.Add("tag", tag)
	}
	switch how {
	case discover.Stale:
		params.Set("stale", "")
	case discover.Consistent:
		params.Set("consistent", "")
	}
	if after > 0 {
		params.Set("index", strconv.FormatUint(after, 10))
		params.Set("wait", fmt.Sprintf("%dms", max(wait.Milliseconds(), 1)))
	}
	address := c.base
	address.Path += "/v1/health/service/" + q.Service
	address.RawQuery = params.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	if token = cmp.Or(token, c.settings.Token); token != "" {
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

// buffers are for the texts of answers, which are large and soon read.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// read makes a snapshot of an answer. An answer without a known leader is one:
// the servers that gave it know the instances, so that header is not looked at.
func (r *conversation) read(q discover.Query, response *http.Response) (s discover.Snapshot, behind time.Duration, err error) {
	if response.StatusCode != http.StatusOK {
		if err = refusal.Of(response); refusal.IsOfQuestion(err) {
			err = fmt.Errorf("%w: %w", discover.ErrRefused, err)
		}
		return s, 0, err
	}
	text := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(text)
	text.Reset()
	if length := response.ContentLength; length > 0 && length < 16<<20 {
		text.Grow(int(length) + bytes.MinRead) // which is what finding the end takes
	}
	if _, err := text.ReadFrom(response.Body); err != nil {
		return s, 0, err
	}
	if s, err = r.known.snapshot(r.consul.seed, q, text.Bytes()); err != nil {
		return discover.Snapshot{}, 0, err
	}
	// What is no number is none: the answer is of use all the same.
	index, _ := strconv.ParseUint(response.Header.Get("X-Consul-Index"), 10, 64)
	contact, _ := strconv.ParseUint(response.Header.Get("X-Consul-LastContact"), 10, 32)
	warming, _ := strconv.Atoi(response.Header.Get("X-Muster-Warming"))
	s.Index, s.Confirmed = max(index, 1), time.Now()
	if r.warming = warming > 0; r.warming {
		s.Err = fmt.Errorf("%w: %d checks", discover.ErrUnlooked, warming)
	}
	return s, time.Duration(contact) * time.Millisecond, nil
}
