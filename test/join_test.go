package test

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/realjf/muster/test/registry"
)

// The first service brings the registry, the second finds it there. (With the
// default addresses that is "go run ." twice; here on a port of its own.)
func TestSecondJoinsTheRegistryOfTheFirst(t *testing.T) {
	t.Parallel()
	s := &scene{T: t}
	port := s.freePort()
	s.registry = &registry.Registry{Kind: registry.Embedded(muster), Ports: registry.Ports{HTTP: port}}
	embedded := []string{"-registry", "embedded", "-consul.port", strconv.Itoa(port)}

	first := s.launch(embedded...)
	s.ready(first)
	second := s.serve()
	s.sees(5*time.Second, first, first, second)
	s.sees(5*time.Second, second, first, second)

	// The first leaves, and its registry with it: the second is alone, but its
	// list is not empty.
	s.interrupt(first)
	s.left(first)
	s.sees(slack, second, second)

	// A new first brings a new, empty registry. The second is there again.
	third := s.launch(embedded...)
	s.ready(third)
	s.sees(checkInterval+slack, second, second, third)
	s.sees(slack, third, second, third)
}

// Without being told, a service joins the registry that answers at the address
// and port it has: -registry auto.
func TestAnyRegistryThatAnswersIsJoined(t *testing.T) {
	t.Parallel()
	s := newScene(t, registry.Agent(muster))
	a := s.launch("-registry", "auto", "-consul.port", strconv.Itoa(s.registry.HTTP))
	s.ready(a)
	s.eventually(5*time.Second, "it registered with the one that was there", func(ctx context.Context) error {
		e, err := s.entryOf(ctx, a)
		if err == nil && !e.passing() {
			err = fmt.Errorf("it is not well: %+v", e.Checks)
		}
		return err
	})
	if got, err := get(s.Context(), http.DefaultClient, a.url("/say-hello")); err != nil || got.status != http.StatusOK {
		s.Errorf("GET /say-hello: %v, %v", got, err)
	}
}
