package api

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// readOptions is what every read of the catalog may be asked with.
type readOptions struct {
	index       uint64 // of the answer that the client has; 0 for none
	wait        time.Duration
	consistency string
	cached      bool
	anew        bool // who asks wants what no cache had
}

// Consul's limits on how long a read waits, where the settings say nothing.
const (
	defaultWait = 5 * time.Minute
	longestWait = 10 * time.Minute
)

// readOptions parses the parameters that every read has, in Consul's order.
func (a *API) readOptions(r *http.Request) (readOptions, error) {
	query := parameters(r)
	options := readOptions{cached: query.Has("cached")}
	if err := options.parseBlocking(query, a.settings.Load()); err != nil {
		return options, err
	}
	if control := r.Header.Get("Cache-Control"); control != "" { // nearly nobody
		var err error
		if options.anew, err = mustRevalidate(control); err != nil {
			return options, err
		}
	}
	staleByDefault := a.settings.Load().StaleDiscovery &&
		(strings.HasPrefix(r.URL.Path, "/v1/catalog") || strings.HasPrefix(r.URL.Path, "/v1/health"))
	if err := options.parseConsistency(query, staleByDefault); err != nil {
		return options, err
	}
	return options, a.checkPlace(query)
}

// parseConsistency parses how sure a read is to be. There is one server, and
// nothing is ever older than what it knows: the answers only say it.
func (o *readOptions) parseConsistency(query url.Values, staleByDefault bool) error {
	stale, consistent := query.Has("stale"), query.Has("consistent")
	chosen := stale || consistent || query.Has("leader") || o.cached
	if text := query.Get("max_stale"); text != "" {
		longest, err := time.ParseDuration(text)
		if err != nil {
			return badRequest(fmt.Sprintf("Invalid max_stale value %q", text))
		}
		if longest > 0 {
			stale, chosen = true, true
		}
	}
	stale = stale || !chosen && staleByDefault
	switch {
	case stale && consistent:
		return badRequest("Cannot specify ?stale with ?consistent, conflicting semantics.")
	case o.cached && consistent:
		return badRequest("Cannot specify ?cached with ?consistent, conflicting semantics.")
	case stale:
		o.consistency = "stale"
	case consistent:
		o.consistency = "consistent"
	default:
		o.consistency = "leader"
	}
	return nil
}

// parseBlocking parses what a read may be asked to wait for.
func (o *readOptions) parseBlocking(query url.Values, s *Settings) (err error) {
	if o.wait, err = s.parseWait(query); err != nil {
		return err
	}
	if text := query.Get("index"); text != "" {
		if o.index, err = strconv.ParseUint(text, 10, 64); err != nil {
			return badRequest("Invalid index")
		}
	}
	return nil
}

// parseWait returns how long a read may wait: what was asked, within the
// limits, and a random part of it on top, so that reads which began together
// do not end together.
func (s *Settings) parseWait(query url.Values) (time.Duration, error) {
	wait := cmp.Or(s.DefaultWait, defaultWait)
	if text := query.Get("wait"); text != "" {
		asked, err := time.ParseDuration(text)
		if err != nil {
			return 0, badRequest("Invalid wait time")
		}
		if asked > 0 {
			wait = min(asked, cmp.Or(s.LongestWait, longestWait))
		}
	}
	return wait + rand.N(wait/16+1), nil
}
