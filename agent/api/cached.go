package api

import (
	"net/http"
	"strconv"
	"strings"
)

// cached is what an answer says of the cache that it was asked from. All
// answers here come from memory and are as new as the registry itself: who
// asks with ?cached is told so in Consul's headers, and gets nothing older.
// https://developer.hashicorp.com/consul/api-docs/features/caching
type cached uint8

const (
	notCached cached = iota // nobody asked for it
	cacheMiss               // the first to ask
	cacheHit
)

// tell sets the headers.
func (c cached) tell(header http.Header) {
	switch c {
	case cacheMiss:
		header.Set("X-Cache", "MISS")
	case cacheHit:
		header.Set("X-Cache", "HIT")
		header.Set("Age", "0")
	}
}

// cacheable marks a question as one that may be asked with ?cached. It takes
// what a handler returns.
func cacheable(answer any, err error) (any, error) {
	if q, ok := answer.(*question); ok {
		q.cacheable = true
	}
	return answer, err
}

// fromCache says of the answer in place what was asked about the cache.
// Cache-Control does not matter: Consul's own cache follows such an answer.
func (q *question) fromCache(place *slot) cached {
	if !q.cacheable {
		return notCached
	}
	return q.options.fromCache(place, false)
}

// fromCache is that of a question that may be asked with ?cached; anew says that
// the answer was fetched for the one who asks.
func (o readOptions) fromCache(place *slot, anew bool) cached {
	switch {
	case !o.cached:
		return notCached
	case place.cached.Swap(true) && !anew:
		return cacheHit
	default:
		return cacheMiss
	}
}

// mustRevalidate reports whether a client that says this in Cache-Control wants
// an answer that no cache had. How old an answer may be besides does not
// matter, but must be a number.
func mustRevalidate(control string) (bool, error) {
	must := false
	for directive := range strings.SplitSeq(strings.ToLower(control), ",") {
		name, seconds, timed := strings.Cut(strings.TrimSpace(directive), "=")
		switch {
		case directive == "":
		case name == "must-revalidate" && !timed:
			must = true
		case timed && (name == "max-age" || name == "stale-if-error"):
			n, err := strconv.Atoi(seconds)
			if err != nil {
				return false, badRequest("Invalid Cache-Control header.")
			}
			must = must || name == "max-age" && n == 0
		}
	}
	return must, nil
}
