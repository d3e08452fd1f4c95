package test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"

	library "github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// herd is many who wait for the same registry.
type herd struct {
	fleet   *fleet
	url     string
	members []*member
	byWatch *connects
	byHand  *connects
	cut     atomic.Int64 // reads that broke, or were put off, while the registry was there
	end     func()       // ends all of them, and tells what was wrong

	mu    sync.Mutex
	open  chan struct{} // closed while the registry is there; another one each time
	texts map[string]list
}

// member is one who waits.
type member struct {
	name, service string

	mu   sync.Mutex
	last list
	at   time.Time // when it knew of the life first
}

// herd lets watches of the library and plain readers wait, each for one
// service.
func (s *scene) herd(f *fleet, watchers, readers int) *herd {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	h := &herd{fleet: f, url: s.registry.URL(""), byWatch: &connects{}, byHand: &connects{}, open: make(chan struct{}), texts: map[string]list{}}
	close(h.open)
	watching, reading := h.byWatch.transport(watchers), h.byHand.transport(readers)
	at := &api.Config{Address: s.registry.Address(), HttpClient: &http.Client{Transport: watching}}
	source, err := consul.New(at, consul.Config{Wait: 10 * time.Minute})
	if err != nil {
		s.Fatal(err)
	}
	var running sync.WaitGroup
	for n := range watchers + readers {
		m := &member{name: fmt.Sprintf("watch %d", n), service: f.services[n%len(f.services)]}
		h.members = append(h.members, m)
		if n < watchers {
			running.Go(func() { h.watch(ctx, m, source) }) // all end with cancel; awaited in end
			continue
		}
		m.name = fmt.Sprintf("reader %d", n-watchers)
		running.Go(func() { h.read(ctx, m, &http.Client{Transport: reading}) })
	}
	h.end = func() {
		s.Helper()
		cancel()
		running.Wait()
		watching.CloseIdleConnections()
		reading.CloseIdleConnections()
		for n, fault := range f.faults {
			if s.Error(fault); n == 9 {
				s.Errorf("and %d more", len(f.faults)-n-1)
				break
			}
		}
	}
	return h
}

// away says that the registry is about to be killed.
func (h *herd) away() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open = make(chan struct{})
}

// back says that the registry answers: plain readers come all at once.
func (h *herd) back() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.open)
}

func (h *herd) door() chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.open
}

// judged is a source of which each answer is judged, and not only those that
// a watch shows.
type judged struct {
	library.Source
	judge func(library.Snapshot)
}

func (j judged) Next(ctx context.Context, q library.Query, after uint64) (library.Snapshot, error) {
	answer, err := j.Source.Next(ctx, q, after)
	if err == nil {
		j.judge(answer)
	}
	return answer, err
}

// watch is a member that uses the library.
func (h *herd) watch(ctx context.Context, m *member, source library.Source) {
	listed := func(s library.Snapshot) list {
		l := list{healthy: map[string]bool{}}
		for _, i := range s.Instances {
			l.tell(i.ID, i.Meta)
		}
		return l
	}
	judge := func(s library.Snapshot) { h.fleet.judge(m.name, m.service, listed(s)) }
	w := library.Watch(judged{source, judge}, library.Query{Service: m.service}, library.WatchConfig{})
	defer w.Close()
	for {
		changed := w.Changed()
		if s, known := w.Snapshot(); known {
			h.see(m, listed(s))
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// read is a member that asks over HTTP, and after a failure again once the
// registry is there.
func (h *herd) read(ctx context.Context, m *member, client *http.Client) {
	for index := uint64(0); ctx.Err() == nil; {
		door := h.door()
		select {
		case <-door:
		case <-ctx.Done():
			return
		}
		now, body, err := h.ask(ctx, m, client, index)
		switch {
		case errors.Is(err, errRefused):
			h.fleet.fault(fmt.Sprintf("%s: %v", m.name, err))
			return
		case err != nil:
			if ctx.Err() == nil && h.door() == door { // it was not killed: it or this machine is slow
				h.cut.Add(1)
				rest(ctx, time.Second) // as a Retry-After asks for
			}
			continue
		case now < index:
			h.fleet.fault(fmt.Sprintf("%s: the index fell from %d to %d", m.name, index, now))
		}
		index = now
		h.see(m, body)
	}
}

// rest waits for d or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// errRefused says that the registry answered, and neither with a list nor that
// it has too much to do.
var errRefused = errors.New("refused")

// ask asks once, from index on.
func (h *herd) ask(ctx context.Context, m *member, client *http.Client, index uint64) (now uint64, said list, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/health/service/%s?passing&wait=10m&index=%d", h.url, m.service, index), nil)
	if err != nil {
		return 0, said, err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, said, err
	}
	defer response.Body.Close()
	body := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(body)
	body.Reset()
	if _, err := io.Copy(body, response.Body); err != nil {
		return 0, said, err
	}
	if response.StatusCode == http.StatusServiceUnavailable && response.Header.Get("Retry-After") != "" {
		return 0, said, errors.New("it has too much to do")
	}
	if response.StatusCode != http.StatusOK {
		return 0, said, fmt.Errorf("%w: %s: %s", errRefused, response.Status, body)
	}
	if now, err = strconv.ParseUint(response.Header.Get("X-Consul-Index"), 10, 64); err != nil {
		return 0, said, err
	}
	said, err = h.text(body.Bytes())
	return now, said, err
}

// buffers are for answers, which are large, many, and soon read.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// text reads an answer, which many get alike, once.
func (h *herd) text(body []byte) (list, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l, known := h.texts[string(body)]; known {
		return l, nil
	}
	l, err := read(body)
	if err == nil {
		h.texts[string(body)] = l
	}
	return l, err
}

// see takes in what a member knows from now on.
func (h *herd) see(m *member, l list) {
	h.fleet.judge(m.name, m.service, l)
	m.mu.Lock()
	defer m.mu.Unlock()
	if l.life > m.last.life {
		m.at = time.Now()
	}
	m.last = l
}

// current returns who does not know of a life yet.
func (h *herd) current(life int) error {
	return h.all(func(m *member) error {
		if m.last.life != life {
			return fmt.Errorf("%s knows of life %d", m.name, m.last.life)
		}
		return nil
	})
}

// without returns who still takes an instance for healthy.
func (h *herd) without(service, id string) error {
	return h.all(func(m *member) error {
		if m.service == service && m.last.healthy[id] {
			return errors.New(m.name + " takes it for healthy")
		}
		return nil
	})
}

func (h *herd) all(is func(*member) error) error {
	for _, m := range h.members {
		m.mu.Lock()
		err := is(m)
		m.mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// delays returns how long after a moment members knew of the life.
func (h *herd) delays(since time.Time) (median, slowest time.Duration) {
	var all []time.Duration
	_ = h.all(func(m *member) error {
		all = append(all, m.at.Sub(since))
		return nil
	})
	slices.Sort(all)
	return all[len(all)/2], all[len(all)-1]
}

// connects are the times at which connections were made.
type connects struct {
	mu    sync.Mutex
	times []time.Time
}

// transport returns one whose connections are counted.
func (c *connects) transport(size int) *http.Transport {
	return &http.Transport{
		MaxIdleConnsPerHost: size,
		DisableCompression:  true, // which would be a matter of the readers' own processors
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			if err == nil {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.times = append(c.times, time.Now())
			}
			return conn, err
		},
	}
}

// fullest returns how many connections there were at most in a span of that
// length from a moment on.
func fullest(from time.Time, span time.Duration, all ...*connects) int {
	var times []time.Time
	for _, c := range all {
		c.mu.Lock()
		for _, at := range c.times {
			if at.After(from) {
				times = append(times, at)
			}
		}
		c.mu.Unlock()
	}
	slices.SortFunc(times, time.Time.Compare)
	most, first := 0, 0
	for n, at := range times {
		for at.Sub(times[first]) >= span {
			first++
		}
		most = max(most, n-first+1)
	}
	return most
}
