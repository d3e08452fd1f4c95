package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/state"
)

// question is a read that can be repeated: its answer holds until changed is
// closed. Equal paths and parameters must give equal questions, because their
// encoded answers are shared.
type question struct {
	ask func() (finding, error)
	// indexed answers carry X-Consul-Index and can be waited for.
	indexed bool
	// body tells questions apart that ask the same path: what theirs said.
	body string
	// alone says that the answer is this agent's own, and speaks of no leader.
	alone bool
	// cacheable answers may be asked for with ?cached.
	cacheable bool
	// bare errors say nothing of the state: those of health, keys and entries.
	bare bool
	// consistency says which X-Consul-Effective-Consistency the answer has;
	// empty for none.
	consistency string
	options     readOptions
	// zipped is wanted by who asks first; who asks later may want another form.
	zipped bool
	// has is the tag of the list of which who asks first wants to hear what changed;
	// empty for who wants all.
	has string
}

// finding is what a question found.
type finding struct {
	value   any // what is to be encoded; raw stays as it is
	index   uint64
	changed <-chan struct{} // closed when it may be out of date
	status  int             // 0 means 200
	header  http.Header     // besides what goes with the value; may be nil
}

// raw is a body that needs no encoding.
type raw []byte

// catalog returns the question whose answer look finds in the state, and
// which changes with the topic.
func (a *API) catalog(r *http.Request, topic state.Topic, look func(*state.Snapshot) (any, error)) (any, error) {
	options, err := a.readOptions(r)
	if err != nil {
		return nil, unreached(err)
	}
	ask := func() (finding, error) {
		snapshot, index, changed := a.store.Look(topic)
		value, err := look(snapshot)
		return finding{value: value, index: index, changed: changed}, err
	}
	return &question{ask: ask, indexed: true, consistency: options.consistency, options: options}, nil
}

// stored returns the question whose answer look finds in the state, with its
// index and its channel. It says nothing of consistency, as Consul does outside
// of the catalog.
func (a *API) stored(r *http.Request, look func() (finding, error)) (any, error) {
	options, err := a.readOptions(r)
	if err != nil {
		return nil, unreached(err)
	}
	return &question{ask: look, indexed: true, options: options}, nil
}

// told returns the question whose answer, and its status, look finds in the
// state, and which changes with the topic. It says nothing of consistency.
func (a *API) told(r *http.Request, topic state.Topic, look func(*state.Snapshot) (value any, status int, err error)) (any, error) {
	return a.stored(r, func() (finding, error) {
		snapshot, index, changed := a.store.Look(topic)
		value, status, err := look(snapshot)
		return finding{value: value, status: status, index: index, changed: changed}, err
	})
}

// own returns the question whose answer look finds in what this node
// announced.
func own(look func() (any, <-chan struct{}, error)) *question {
	return &question{ask: func() (finding, error) {
		value, changed, err := look()
		return finding{value: value, changed: changed}, err
	}}
}

// settle answers a question: at once, or, when the request names the index of
// the answer it has, as soon as there is one that says something else or its
// wait is over. An index above every answer's is from another life of the
// registry and is answered at once: to wait for it could take for ever.
//
// arrived is when the request did. Who is woken and needs an answer that is to
// be made waits for a turn, as long as it takes: whoever waits asked in time.
func (a *API) settle(r *http.Request, q *question, arrived time.Time) (*reply, error) {
	key := answerKey(r.URL.Path, parameters(r))
	if q.body != "" {
		key += "\x00" + q.body // see answerKey
	}
	place := a.answers.slot(key)
	q.zipped = takesGzip(r.Header.Get("Accept-Encoding"))
	q.has = deltaFrom(r)
	encode := func(value any, before *pieces) (text, *pieces, error) { return a.encodeAfter(r, value, before) }
	current := func(what work) (*answer, error) {
		return a.answers.get(place, key, q, encode, func() (turn, error) {
			if !a.taking.hasRoom(place.answer.Load().size()) { // it is about as large as the one before
				a.desk.refused["answer"].Add(1)
				return turn{}, errBusy
			}
			return a.desk.begin(r.Context(), what, 0, arrived)
		})
	}
	following := a.followers.enter(r, key, q.options.index)
	var given *answer // nil when there is none
	defer func() { following.leave(given) }()
	answer, err := current(making)
	if err != nil {
		return nil, q.refused(err)
	}
	deadline := arrived.Add(q.options.wait)
	for known := answer; q.indexed && known.index == q.options.index && answer.content == known.content; {
		following.waits(answer.changed)
		changed, err := a.blocked(r.Context(), answer.changed, time.Until(deadline))
		if err != nil {
			return nil, err
		}
		if !changed {
			break
		}
		if answer, err = current(urgentMaking); err != nil {
			return nil, q.refused(err)
		}
	}
	given = answer
	out := &reply{
		status: answer.status, header: answer.headers, consistency: q.consistency, cache: q.fromCache(place), text: answer.text, warming: answer.warming.Count(),
	}
	answer.instances.shorten(out, r)
	return out, nil
}

// headers returns the headers of an answer with this content and index.
func (q *question) headers(content http.Header, index uint64) http.Header {
	all := content.Clone()
	if q.indexed {
		all.Set("X-Consul-Index", strconv.FormatUint(index, 10))
	}
	if q.indexed && !q.alone {
		all.Set("X-Consul-Knownleader", "true")
		all.Set("X-Consul-Lastcontact", "0")
		all.Set("X-Consul-Query-Backend", "blocking-query")
	}
	return all
}

// refusal is the error of a question that the state was asked and did not
// answer.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// unreached returns the error of a question's parameters as it is to be told:
// that its datacenter is not this one is found out where the state is.
func unreached(err error) error {
	if errors.Is(err, errNoDatacenter) {
		return refusal{err}
	}
	return err
}

// refused returns the error of a question as it is to be told.
func (q *question) refused(err error) error {
	if q.indexed && !q.alone && !q.bare && err != errBusy && err != errGone {
		return refusal{err}
	}
	return err
}

// bare marks a question as one whose errors say nothing of the state. It takes
// what a handler returns.
func bare(answer any, err error) (any, error) {
	if q, ok := answer.(*question); ok {
		q.bare = true
	}
	if refused, ok := err.(refusal); ok { // by readOptions: nobody wraps it
		err = refused.error
	}
	return answer, err
}

// unanswered are Consul's headers where the state did not answer: an index
// that every answer is above, and nothing known of a leader.
var unanswered = http.Header{
	"X-Consul-Index": {"1"}, "X-Consul-Knownleader": {"false"}, "X-Consul-Lastcontact": {"0"}, "X-Consul-Query-Backend": {"blocking-query"},
}

// errGone ends a blocked read whose client, or whose registry, goes away.
var errGone = &failure{http.StatusServiceUnavailable, "the registry is shutting down; ask again"}

// waits counts the readers that wait now, and how often one was woken by a
// change.
type waits struct{ now, woken atomic.Int64 }

// blocked waits until changed is closed or d is over; it reports whether
// changed was closed. It gives up with errGone when ctx ends or the API closes.
func (a *API) blocked(ctx context.Context, changed <-chan struct{}, d time.Duration) (bool, error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	a.waits.now.Add(1)
	defer a.waits.now.Add(-1)
	select {
	case <-changed:
		a.waits.woken.Add(1)
		return true, nil
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, errGone
	case <-a.open.Done():
		return false, errGone
	}
}
