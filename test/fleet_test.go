package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// fleet is the instances of a few services. One server answers for all of
// them. None comes to life again.
type fleet struct {
	url      string
	services []string

	mu     sync.Mutex
	living map[string]map[string]bool // ids by service
	least  int                        // healthy instances of a service in any answer
	faults []string
}

// fleet registers that many instances of so many services, and waits until all
// of them pass.
func (s *scene) fleet(size, services int) *fleet {
	s.Helper()
	f := &fleet{living: map[string]map[string]bool{}, least: size}
	server := httptest.NewServer(f)
	s.Cleanup(server.Close)
	f.url = server.URL
	for n := range size {
		service := fmt.Sprintf("service-%d", n%services)
		if n < services {
			f.services = append(f.services, service)
			f.living[service] = map[string]bool{}
		}
		f.living[service][fmt.Sprintf("%s-%d", service, n/services)] = true
	}
	var group errgroup.Group
	group.SetLimit(16)
	for service, ids := range f.living {
		for id := range ids {
			group.Go(func() error { return f.register(s, service, id, 0) })
		}
	}
	if err := group.Wait(); err != nil {
		s.Fatal(err)
	}
	s.eventually(herdLimit, "all pass", func(ctx context.Context) error {
		for service, ids := range f.living {
			_, body, err := s.registry.Get(ctx, "/v1/health/service/"+service+"?passing")
			if err != nil {
				return err
			}
			list, err := read(body)
			if err != nil {
				return err
			}
			if len(list.healthy) < len(ids) {
				return fmt.Errorf("%d of %d instances of %s pass", len(list.healthy), len(ids), service)
			}
		}
		return nil
	})
	return f
}

// register announces an instance as it is in a life of the registry. Its check
// is patient: this process may be too busy to answer soon.
func (f *fleet) register(s *scene, service, id string, life int) error {
	return s.registry.Put(s.Context(), "/v1/agent/service/register", strings.NewReader(fmt.Sprintf(
		`{"Name":%q,"ID":%q,"Port":80,"Meta":{"life":"%d"},"Check":{"HTTP":"%s/%s","Interval":"1h","Timeout":"5m"}}`, service, id, life, f.url, id)))
}

// ServeHTTP answers the checks.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := strings.TrimPrefix(r.URL.Path, "/")
	if service := id[:strings.LastIndexByte(id, '-')]; !f.living[service][id] {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// kill lets one instance die, of another service each time, but never the one
// that tells the life.
func (f *fleet) kill(life int) (service, id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	service = f.services[life%len(f.services)]
	id = fmt.Sprintf("%s-%d", service, len(f.living[service])-1)
	delete(f.living[service], id)
	return service, id
}

// isOut returns that the registry still takes an instance for healthy.
func (s *scene) isOut(ctx context.Context, service, id string) error {
	_, body, err := s.registry.Get(ctx, "/v1/health/service/"+service+"?passing")
	if err != nil {
		return err
	}
	l, err := read(body)
	if err == nil && l.healthy[id] {
		err = errors.New("it is healthy")
	}
	return err
}

// mark has the first instance of each service tell the life.
func (f *fleet) mark(s *scene, life int) error {
	var group errgroup.Group
	group.SetLimit(16)
	for _, service := range f.services {
		group.Go(func() error { return f.register(s, service, service+"-0", life) }) // ends by itself; awaited below
	}
	return group.Wait()
}

// judge finds fault with a list that lacks an instance that lives. None begins
// to live, so one that lives now did so when the list was made.
func (f *fleet) judge(who, service string, l list) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.least = min(f.least, len(l.healthy))
	for id := range f.living[service] {
		if !l.healthy[id] {
			f.faults = append(f.faults, fmt.Sprintf("%s was told of %d healthy instances of %s, without %s, and %d live",
				who, len(l.healthy), service, id, len(f.living[service])))
			return
		}
	}
}

func (f *fleet) fault(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append(f.faults, text)
}

func (f *fleet) wrong() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.faults)
}

func (f *fleet) fewest() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.least
}

// list is what an answer says of a service.
type list struct {
	healthy map[string]bool
	life    int // of the registry, when it was told last
}

// tell takes in what the first instance of a service says of itself.
func (l *list) tell(id string, meta map[string]string) {
	l.healthy[id] = true
	if strings.HasSuffix(id, "-0") {
		l.life, _ = strconv.Atoi(meta["life"])
	}
}

// read reads an answer that has healthy instances only.
func read(body []byte) (list, error) {
	var entries []struct {
		Service struct {
			ID   string
			Meta map[string]string
		}
	}
	l := list{healthy: map[string]bool{}}
	err := json.Unmarshal(body, &entries)
	for _, e := range entries {
		l.tell(e.Service.ID, e.Service.Meta)
	}
	return l, err
}
