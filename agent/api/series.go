package api

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/telemetry"
)

// counted are the methods that are told apart in the metrics, whether a route
// allows them or not. Others are a client's own.
var counted = []string{
	http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodHead, http.MethodPatch, http.MethodOptions,
}

// series are those of a route's requests, one for each method. Each is made with
// the first request that it is about: most routes never see one, and all of them
// together would be most of what an idle registry holds. It is safe for
// concurrent use.
type series struct {
	telemetry *telemetry.Telemetry
	path      string

	mu   sync.Mutex                                   // of who makes one
	made atomic.Pointer[map[string]*telemetry.Series] // never changed, only replaced
}

// since observes a request that began then.
func (s *series) since(method string, began time.Time) {
	if !slices.Contains(counted, method) {
		return
	}
	one := s.of(method)
	if one == nil {
		one = s.make(method)
	}
	one.Since(began)
}

func (s *series) of(method string) *telemetry.Series {
	if made := s.made.Load(); made != nil {
		return (*made)[method]
	}
	return nil
}

func (s *series) make(method string) *telemetry.Series {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.of(method); one != nil {
		return one // by somebody else meanwhile
	}
	all := map[string]*telemetry.Series{}
	if made := s.made.Load(); made != nil {
		maps.Copy(all, *made)
	}
	one := s.telemetry.Series("consul.api.http", map[string]string{"method": method, "path": s.path})
	all[method] = one
	s.made.Store(&all)
	return one
}
