package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/realjf/muster/agent/state"
)

// reply is an answer that is more than a JSON value.
type reply struct {
	status      int
	header      http.Header // shared: it is never changed
	consistency string      // of a read of the catalog; empty for all others
	warming     int         // how many checks in it are, see local.Warming
	cache       cached      // of a read that may come from a cache
	lineage     lineage     // of a list of instances
	text        text
	copy        func(io.Writer) error // writes the body instead, which may be of any size; nil for none
}

// consistencies are the header's values, which answers share.
var consistencies = map[string][]string{"leader": {"leader"}, "stale": {"stale"}, "consistent": {"consistent"}}

// always are the headers of every answer, and guarded those where a token is
// demanded.
var (
	always  = http.Header{"Vary": {"Accept-Encoding"}, "X-Consul-Default-Acl-Policy": {"allow"}}
	guarded = http.Header{"Vary": {"Accept-Encoding"}, "X-Consul-Default-Acl-Policy": {"deny"}}
)

// serve returns the handler of a route: it picks the method's, and writes
// what that returns.
func (a *API) serve(route route) http.Handler {
	allow := strings.Join(append([]string{http.MethodOptions}, route.allowed()...), ",")
	deeds := route.deeds()
	series := &series{telemetry: a.telemetry, path: seriesPath(route.path)}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		defer func() {
			series.since(r.Method, began)
			a.logFinished(r, began)
		}()
		header := w.Header()
		settings := a.settings.Load()
		if settings.Guarded {
			maps.Copy(header, guarded)
		} else {
			maps.Copy(header, always)
		}
		if settings.blocks(r.URL.Path) {
			a.writeError(w, r, errBlocked)
			return
		}
		var err error
		if r.Form, err = url.ParseQuery(r.URL.RawQuery); err != nil {
			w.WriteHeader(http.StatusInternalServerError) // and no word, as from Consul
			return
		}
		at := slices.IndexFunc(deeds, func(o deed) bool { return o.method == r.Method })
		if at < 0 {
			header.Set("Allow", allow)
			if r.Method != http.MethodOptions {
				a.writeError(w, r, &failure{http.StatusMethodNotAllowed, "method " + r.Method + " not allowed"})
			}
			return
		}
		deed := &deeds[at]
		if err := a.refused(r, settings, route, deed.cost); err != nil {
			a.writeError(w, r, err)
			return
		}
		size, err := a.readBody(w, r, route)
		if err != nil {
			a.desk.refused["body"].Add(1)
			a.writeError(w, r, err)
			return
		}
		defer r.Body.Close()
		mine, err := a.desk.begin(r.Context(), deed.work, size, began)
		if err != nil {
			a.writeError(w, r, err)
			return
		}
		defer mine.give() // though a handler panics
		answer, err := deed.handle(r)
		if err == nil {
			answer, err = a.made(r, answer, began, &mine)
		}
		mine.give() // however slowly a client reads, nobody waits for that
		if err == nil {
			err = a.write(w, r, answer)
		}
		if err != nil {
			a.writeError(w, r, err)
		}
	})
}

// refused returns why a request may not go on to the handler of its route, or
// nil.
func (a *API) refused(r *http.Request, settings *Settings, route route, c cost) error {
	if !settings.lets(r) {
		return errRestricted
	}
	if err := route.place.check(r); err != nil {
		return err
	}
	return a.admit(r, c, route.path)
}

// logFinished tells those who debug of a request, without the secret in it.
func (a *API) logFinished(r *http.Request, began time.Time) {
	if !a.logger.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	a.logger.Debug("request finished", "method", r.Method, "url", cut(shown(r.URL)), "from", r.RemoteAddr, "latency", time.Since(began))
}

// made turns what a handler returned into a reply, unless it is a stream, for a
// request that arrived then and has this turn.
func (a *API) made(r *http.Request, answer any, arrived time.Time, mine *turn) (any, error) {
	switch answer := answer.(type) {
	case nil:
		return &reply{}, nil
	case *reply, stream:
		return answer, nil
	case *question:
		mine.give() // it takes one when it needs one, and none while it waits
		return a.settle(r, answer, arrived)
	default:
		said, err := a.encode(r, answer)
		return jsonReply(said), err
	}
}

// write writes a reply or a stream.
func (a *API) write(w http.ResponseWriter, r *http.Request, answer any) error {
	if s, ok := answer.(stream); ok {
		return a.flow(inTime(w, r, true), r, s)
	}
	timed, out := inTime(w, r, false), answer.(*reply)
	zipped := out.text.gzip != nil && takesGzip(r.Header.Get("Accept-Encoding"))
	body := out.text.body(zipped)
	var err error
	if timed.reader, err = a.taking.begin(body, timed.out); err != nil {
		a.desk.refused["answer"].Add(1)
		return err
	}
	defer a.taking.end(timed.reader)
	header := w.Header()
	maps.Copy(header, out.header)
	if value := consistencies[out.consistency]; value != nil {
		header["X-Consul-Effective-Consistency"] = value
	}
	out.cache.tell(header)
	out.lineage.tell(header)
	if out.warming > 0 {
		header.Set(warmingHeader, strconv.Itoa(out.warming))
	}
	if out.copy != nil {
		if err := out.copy(timed); err != nil {
			a.breakOff(r, err)
		}
		return nil
	}
	if zipped {
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if out.status != 0 {
		w.WriteHeader(out.status)
	}
	switch _, err = timed.Write(body); err {
	case errGaveWay:
		a.desk.refused["answer"].Add(1)
		a.breakOff(r, err)
	case errTooSlow:
		a.breakOff(r, err)
	}
	return nil // any other error is that the client is gone
}

// breakOff ends the connection of an answer, so that nobody takes a part of it
// for the whole.
func (a *API) breakOff(r *http.Request, err error) {
	a.logger.Debug("answer broke off", "path", cut(r.URL.Path), "error", cut(err.Error()))
	panic(http.ErrAbortHandler)
}

func jsonReply(said text) *reply {
	return &reply{header: http.Header{"Content-Type": {"application/json"}}, text: said}
}

// textReply is a plain answer for people and load balancers.
func textReply(status int, line string) *reply {
	return &reply{status: status, header: http.Header{"Content-Type": {"text/plain"}}, text: textOf([]byte(line))}
}

// encode returns the JSON of a value: indented in dev mode, and with ?pretty
// also ended by a new line.
func (a *API) encode(r *http.Request, value any) (text, error) {
	said, _, err := a.encodeAfter(r, value, nil)
	return said, err
}

// encodeAfter is encode for a value that may be a list much like one before it.
func (a *API) encodeAfter(r *http.Request, value any, before *pieces) (text, *pieces, error) {
	end := ""
	if parameters(r).Has("pretty") {
		end = "\n"
	}
	indent := end != "" || a.config.Pretty
	if instances, is := value.([]state.Instance); is {
		now, err := encodeInstances(instances, before, indent, end)
		if err != nil {
			return text{}, nil, unencoded(r, err)
		}
		return textLater(now.size, sync.OnceValue(now.join)), now, nil
	}
	encode := json.Marshal
	if indent {
		encode = func(value any) ([]byte, error) { return json.MarshalIndent(value, "", "    ") }
	}
	all, err := encode(value)
	if err != nil {
		return text{}, nil, unencoded(r, err)
	}
	return textOf(append(all, end...)), nil, nil
}

func unencoded(r *http.Request, err error) error {
	return fault{fmt.Errorf("encode %s: %w", r.URL.Path, err)}
}
