package api

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/realjf/muster/agent/query"
	"github.com/realjf/muster/agent/state"
)

// bodyMeta is what Consul says of some answers in their bodies too.
type bodyMeta struct {
	Index                 uint64
	LastContact           int
	KnownLeader           bool
	ConsistencyLevel      string
	NotModified           bool
	Backend               int
	ResultsFilteredByACLs bool
}

// queryIndex is the index of what a query answers: it cannot be waited for,
// as Consul says with this one.
const queryIndex = 1

func (o readOptions) bodyMeta() bodyMeta {
	return bodyMeta{Index: queryIndex, KnownLeader: true, ConsistencyLevel: o.consistency}
}

// queryExecute asks the query with the id or the name. Its answers are in
// random order: each is made for the one who asks.
func (a *API) queryExecute(r *http.Request, idOrName string) (any, error) {
	options, err := a.readOptions(r)
	if err != nil {
		return nil, err
	}
	asker, err := a.asker(r)
	if err != nil {
		return nil, err
	}
	snapshot := a.store.Snapshot()
	found, err := query.Find(snapshot, idOrName)
	if err != nil {
		return nil, err
	}
	return a.atOnce(r, options, struct {
		query.Answer
		bodyMeta
	}{query.Run(snapshot, found, a.local.Node(), asker), options.bodyMeta()})
}

// queryExplain shows which query an id or a name stands for, and what a
// template becomes for the name.
func (a *API) queryExplain(r *http.Request, idOrName string) (any, error) {
	options, err := a.readOptions(r)
	if err != nil {
		return nil, err
	}
	if _, err := limit(r); err != nil {
		return nil, err
	}
	found, err := query.Find(a.store.Snapshot(), idOrName)
	if err != nil {
		return nil, err
	}
	options.cached = false
	return a.atOnce(r, options, struct {
		Query *state.Query
		bodyMeta
	}{found, options.bodyMeta()})
}

// atOnce is the reply to a read that is never waited for.
func (a *API) atOnce(r *http.Request, options readOptions, value any) (any, error) {
	said, err := a.encode(r, value)
	if err != nil {
		return nil, err
	}
	out := jsonReply(said)
	out.header = (&question{indexed: true}).headers(out.header, queryIndex)
	out.consistency = options.consistency
	out.cache = options.fromCache(a.answers.slot(answerKey(r.URL.Path, parameters(r))), options.anew)
	return out, nil
}

// asker returns who asks, and what it wants of the answer.
func (a *API) asker(r *http.Request) (asker query.Asker, err error) {
	asked := parameters(r)
	asker.Near, asker.IP = asked.Get("near"), askerIP(r)
	if asker.Limit, err = limit(r); err != nil {
		return asker, err
	}
	if text := asked.Get("connect"); text != "" {
		if asker.Connect, err = strconv.ParseBool(text); err != nil {
			return asker, refused("Error parsing 'connect' value: ", err)
		}
	}
	return asker, nil
}

// limit returns how many instances are wanted; 0 for all.
func limit(r *http.Request) (int, error) {
	text := parameters(r).Get("limit")
	if text == "" {
		return 0, nil
	}
	wanted, err := strconv.Atoi(text)
	if err != nil {
		return 0, refused("Bad limit: ", err)
	}
	return wanted, nil
}

// askerIP returns the address of whoever asks: the first that proxies on the
// way name, or the one that the request came from. It is empty for neither.
func askerIP(r *http.Request) string {
	forwarded, _, _ := strings.Cut(r.Header.Get("X-Forwarded-For"), ",")
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	for _, text := range []string{strings.TrimSpace(forwarded), host} {
		if ip := net.ParseIP(text); ip != nil {
			return ip.String()
		}
	}
	return ""
}
