package test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/realjf/muster/test/program"
	"github.com/realjf/muster/test/registry"
)

// What answers where a registry was named and is none ends the start, with one
// clear sentence; the embedded registry is no substitute for it.
func TestNamedRegistryIsNone(t *testing.T) {
	t.Parallel()
	foreign := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(foreign.Close)
	for _, how := range []string{"flags", "environment"} {
		t.Run("by "+how, func(t *testing.T) {
			t.Parallel()
			(&scene{T: t}).refuses(foreign.Listener.Addr().String(), how)
		})
	}
}

// A registry that was named and is not there yet is waited for, as where both are
// started at once: the service serves, and is announced when the registry comes.
func TestNamedRegistryComesLater(t *testing.T) {
	t.Parallel()
	later, err := registry.New(registry.Agent(muster))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, registry: later}
	v := s.launch(s.registryFlags()...)
	s.ready(v)
	s.startRegistry()
	s.sees(startLimit, v, v)
	s.interrupt(v)
	s.left(v)
	if got, err := s.registered(t.Context(), serviceName); err != nil || len(got) != 0 {
		t.Errorf("after it left: got %v, %v, want none", got, err)
	}
}

// refuses starts a service that is to use the registry at the address, named
// in that way, and looks at how it fails.
func (s *scene) refuses(address, how string) {
	s.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		s.Fatal(err)
	}
	spec := program.Spec{Name: "refused", Path: muster, Args: []string{"-service.port", "0"}}
	if how == "flags" {
		spec.Args = append(spec.Args, "-consul.host", host, "-consul.port", port)
	} else {
		spec.Env = []string{"CONSUL_HTTP_ADDR=" + address}
	}
	p, err := program.Start(spec)
	if err != nil {
		s.Fatal(err)
	}
	s.keep(p)
	ctx, cancel := context.WithTimeout(s.Context(), startLimit)
	defer cancel()
	code, err := p.Wait(ctx)
	if err != nil {
		s.Fatal(err)
	}
	if code <= 0 {
		s.Errorf("exit code %d, want one that is not 0", code)
	}
	lines := strings.Split(strings.TrimSpace(p.Output()), "\n")
	if last := lines[len(lines)-1]; !strings.Contains(last, address) {
		s.Errorf("the last line is %q, want a sentence that names %s", last, address)
	}
	if len(lines) > 3 {
		s.Errorf("it took %d lines to say that it is no registry", len(lines))
	}
}
