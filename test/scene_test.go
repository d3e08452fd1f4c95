package test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/test/program"
	"github.com/realjf/muster/test/registry"
)

// serviceName is the name under which the services of a scene register.
const serviceName = "SayHello"

const (
	// checkInterval is how often a registry looks at a service of a scene.
	checkInterval = time.Second
	// deregisterAfter is the critical time that the services ask for.
	deregisterAfter = 2 * time.Second
	// slack is what a busy machine may add to a stated time.
	slack = 2 * time.Second
	// startLimit is how long a service may take until it is ready.
	startLimit = 15 * time.Second
)

// scene is where one story plays: a registry of its own, and the programs that
// use it. Everything that it starts ends with the story; when the story fails,
// it shows what they printed.
type scene struct {
	*testing.T
	registry *registry.Registry
}

// newScene starts a registry of the kind.
func newScene(t *testing.T, kind registry.Kind) *scene {
	t.Helper()
	r, err := registry.New(kind)
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, registry: r}
	s.startRegistry()
	return s
}

// startRegistry starts the scene's registry, with empty data.
func (s *scene) startRegistry() {
	s.Helper()
	err := s.registry.Start(s.Context())
	if p := s.registry.Program(); p != nil {
		s.keep(p)
	}
	if err != nil {
		s.Fatal(err)
	}
}

// killRegistry ends the scene's registry as kill -9 does.
func (s *scene) killRegistry() {
	s.Helper()
	if err := s.registry.End(); err != nil {
		s.Fatal(err)
	}
}

// keep ends the program with the story and looks at what it left.
func (s *scene) keep(p *program.Program) {
	s.Cleanup(func() {
		if s.Failed() && !p.Ended() { // what it did then may be why
			ctx, cancel := context.WithTimeout(context.Background(), 5*slack)
			defer cancel()
			if err := p.Dump(ctx); err != nil {
				s.Log(err)
			}
		}
		if err := p.End(); err != nil {
			s.Error(err)
		}
		output := p.Output()
		if strings.Contains(output, "WARNING: DATA RACE") || strings.Contains(output, "panic: ") {
			s.Errorf("%s has a race or a panic", p.Name())
		}
		if s.Failed() {
			s.Logf("%s (process %d) printed:\n%s", p.Name(), p.PID(), output)
		}
	})
}

// start starts muster with the arguments.
func (s *scene) start(name string, args ...string) *program.Program {
	s.Helper()
	p, err := program.Start(program.Spec{Name: name, Path: muster, Args: args})
	if err != nil {
		s.Fatal(err)
	}
	s.keep(p)
	return p
}

// service is a running muster service.
type service struct {
	*program.Program
	port int
}

func (v *service) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", v.port, path) }

// serve starts a service that registers with the scene's registry, with more
// flags if need be, and waits until it is ready.
func (s *scene) serve(flags ...string) *service {
	s.Helper()
	v := s.launch(slices.Concat(s.registryFlags(), flags)...)
	s.ready(v)
	return v
}

// registryFlags name the scene's registry.
func (s *scene) registryFlags() []string {
	return []string{"-consul.host", "127.0.0.1", "-consul.port", strconv.Itoa(s.registry.HTTP)}
}

// launch starts a service on a free port and does not wait for it.
func (s *scene) launch(flags ...string) *service {
	s.Helper()
	port := s.freePort()
	args := slices.Concat([]string{
		"-service.name", serviceName, "-service.port", strconv.Itoa(port),
		"-check.interval", checkInterval.String(), "-check.deregister-after", deregisterAfter.String(),
	}, flags)
	return &service{Program: s.start(fmt.Sprintf("service-%d", port), args...), port: port}
}

// ready waits until the service says that it is well.
func (s *scene) ready(v *service) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), startLimit)
	defer cancel()
	err := v.Await(ctx, func(ctx context.Context) error {
		got, err := get(ctx, http.DefaultClient, v.url("/health"))
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("GET /health: %v", got)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) freePort() int {
	s.Helper()
	port, err := program.FreePort()
	if err != nil {
		s.Fatal(err)
	}
	return port
}

// eventually polls probe until it gives no error; the story fails when it
// still does after the limit.
func (s *scene) eventually(limit time.Duration, what string, probe func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), limit)
	defer cancel()
	start := time.Now()
	if err := program.Until(ctx, probe); err != nil {
		s.Fatalf("%s: not within %s: %v", what, limit, err)
	}
	s.Logf("%s: after %s", what, time.Since(start).Round(time.Millisecond))
}

// interrupt sends SIGINT and returns at once.
func (s *scene) interrupt(v *service) {
	s.Helper()
	if err := v.Signal(os.Interrupt); err != nil {
		s.Fatal(err)
	}
}

// left waits until a service that was asked to leave has ended, well.
func (s *scene) left(v *service) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 15*time.Second)
	defer cancel()
	code, err := v.Wait(ctx)
	if err != nil {
		s.Fatal(err)
	}
	if code != 0 {
		s.Errorf("%s left with exit code %d, want 0", v.Name(), code)
	}
}
