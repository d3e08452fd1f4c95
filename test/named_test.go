package test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/test/program"
)

// A registry that was named and does not answer ends the start, with one clear
// sentence; the embedded registry is no substitute for it.
func TestNamedRegistryDoesNotAnswer(t *testing.T) {
	t.Parallel()
	foreign := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(foreign.Close)
	s := &scene{T: t}
	for name, address := range map[string]string{
		"nothing listens": net.JoinHostPort("127.0.0.1", strconv.Itoa(s.freePort())),
		"no registry":     foreign.Listener.Addr().String(),
	} {
		for _, how := range []string{"flags", "environment"} {
			t.Run(name+"/by "+how, func(t *testing.T) {
				t.Parallel()
				(&scene{T: t}).refuses(address, how)
			})
		}
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
	// One that accepts may be electing a leader, so it is given some time.
	ctx, cancel := context.WithTimeout(s.Context(), 40*time.Second)
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
		s.Errorf("it took %d lines to say that nothing answers", len(lines))
	}
}
