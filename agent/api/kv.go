package api

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/realjf/muster/agent/state"
)

// kvGet is the question for what kvFind finds.
func (a *API) kvGet(r *http.Request) (any, error) { return bare(a.kvFind(r)) }

// kvFind answers with one key, or with ?recurse with all below a prefix, or
// with ?keys with the names of those. What is not there is a 404 that can be
// waited for.
func (a *API) kvFind(r *http.Request) (any, error) {
	key, query := r.PathValue("key"), parameters(r)
	switch {
	case query.Has("keys"):
		return a.stored(r, func() (finding, error) { return keysBelow(a.store.Snapshot(), key, separator(query)), nil })
	case query.Has("recurse"):
		return a.stored(r, func() (finding, error) {
			entries, index, changed := a.store.Snapshot().Entries(key)
			if len(entries) == 0 {
				return missing(index, changed), nil
			}
			return finding{value: entries, index: index, changed: changed}, nil
		})
	case key == "":
		return nil, badRequest("Missing key name")
	}
	return a.stored(r, func() (finding, error) {
		entry, index, changed := a.store.Snapshot().Entry(key)
		switch {
		case entry == nil:
			return missing(index, changed), nil
		case query.Has("raw"):
			return finding{value: raw(entry.Value), index: index, changed: changed, header: rawHeader}, nil
		}
		return finding{value: []*state.Entry{entry}, index: index, changed: changed}, nil
	})
}

// missing is the finding that there is no such key.
func missing(index uint64, changed <-chan struct{}) finding {
	return finding{value: raw(nil), index: index, changed: changed, status: http.StatusNotFound}
}

// rawHeader keeps a browser from taking somebody's value for a page of ours.
var rawHeader = http.Header{
	"Content-Type":            {"text/plain"},
	"X-Content-Type-Options":  {"nosniff"},
	"Content-Security-Policy": {"sandbox"},
}

// separator returns ?separator=, or what it was called by mistake once.
func separator(query url.Values) string {
	if query.Has("separator") {
		return query.Get("separator")
	}
	return query.Get("seperator")
}

// keysBelow finds the keys with a prefix, each cut after the first separator
// that follows it.
func keysBelow(s *state.Snapshot, prefix, separator string) finding {
	entries, index, changed := s.Entries(prefix)
	keys := make([]string, len(entries))
	for n, entry := range entries {
		keys[n] = entry.Key
		if separator == "" {
			continue
		}
		if at := strings.Index(entry.Key[len(prefix):], separator); at >= 0 {
			keys[n] = entry.Key[:len(prefix)+at+len(separator)]
		}
	}
	if len(keys) == 0 && prefix != "" {
		return missing(index, changed)
	}
	return finding{value: slices.Compact(keys), index: index, changed: changed}
}

// kvPut sets a key: whatever it is, or with ?cas= only if it is as the client
// saw it, or with ?acquire= or ?release= together with its lock.
func (a *API) kvPut(r *http.Request) (any, error) {
	key, query := r.PathValue("key"), parameters(r)
	if _, err := a.readOptions(r); err != nil { // a write takes them too
		return nil, err
	}
	if key == "" {
		return nil, badRequest("Missing key name")
	}
	if err := conflict(query, "cas", "acquire", "release"); err != nil {
		return nil, err
	}
	flags, err := number(query, "flags")
	if err != nil {
		return nil, err
	}
	cas, err := number(query, "cas")
	if err != nil {
		return nil, err
	}
	value, err := readValue(r, a.settings.Load().Limits.valueBytes())
	if err != nil {
		return nil, err
	}
	acquire, release := query.Get("acquire"), query.Get("release")
	if query.Has("acquire") && a.store.LockDelay(key) > 0 {
		return false, nil
	}
	done := true
	err = a.store.Write(func(w *state.Writer) (err error) {
		switch {
		case query.Has("cas"):
			_, done = w.PutIf(key, value, flags, cas)
		case query.Has("acquire"):
			_, done, err = w.Lock(key, value, flags, acquire)
		case query.Has("release"):
			_, done, err = w.Unlock(key, value, flags, release)
		default:
			w.Put(key, value, flags)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("raft apply failed: %w", err)
	}
	return done, nil
}

// kvDelete removes a key, or with ?recurse all below a prefix, or with ?cas=
// the key only if it is as the client saw it.
func (a *API) kvDelete(r *http.Request) (any, error) {
	key, query := r.PathValue("key"), parameters(r)
	if _, err := a.readOptions(r); err != nil { // a write takes them too
		return nil, err
	}
	if err := conflict(query, "recurse", "cas"); err != nil {
		return nil, err
	}
	if key == "" && !query.Has("recurse") {
		return nil, badRequest("Missing key name")
	}
	cas, err := number(query, "cas")
	if err != nil {
		return nil, err
	}
	done := true
	err = a.store.Write(func(w *state.Writer) error {
		switch {
		case query.Has("recurse"):
			w.DeleteTree(key)
		case query.Has("cas"):
			done = w.DeleteIf(key, cas)
		default:
			w.Delete(key)
		}
		return nil
	})
	return done, err
}

// readValue reads the body of a request as the value of a key, of most bytes.
func readValue(r *http.Request, most int) ([]byte, error) {
	const setting = "kv_max_value_size"
	if r.ContentLength > int64(most) {
		return nil, tooLarge(r, most, setting) // before all of it has come
	}
	value, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, int64(most)))
	switch {
	case isTooLarge(err):
		return nil, tooLarge(r, most, setting)
	case err != nil:
		return nil, badRequest("read the value: " + err.Error())
	case len(value) == 0:
		return nil, nil // null in JSON, as in Consul
	default:
		return value, nil
	}
}

// number returns a parameter that is a number; 0 when it is not given.
func number(query url.Values, name string) (uint64, error) {
	if !query.Has(name) {
		return 0, nil
	}
	value, err := strconv.ParseUint(query.Get(name), 10, 64)
	if err != nil {
		return 0, &failure{http.StatusInternalServerError, err.Error()} // Consul's status for it too
	}
	return value, nil
}

// conflict refuses a request that gives more than one of the parameters.
func conflict(query url.Values, names ...string) error {
	given := 0
	for _, name := range names {
		if query.Has(name) {
			given++
		}
	}
	if given > 1 {
		return badRequest("Conflicting flags: " + untold(query).Encode() + "\n")
	}
	return nil
}
