package test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/consul/api"

	library "github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/discover/httpdiscover"
	"github.com/realjf/muster/test/program"
)

// The sizes of rollingRestart; "make rolling" has full ones.
var (
	rollingInstances = flag.Int("rolling-instances", 5, "how many instances are restarted one after the other")
	rollingRate      = flag.Int("rolling-rate", 100, "how many requests a second are sent meanwhile")
)

// rollingRestart: all instances are restarted one after the other, each a
// process of its own, while requests come at a steady rate, however long they
// take. No caller sees a failure.
func rollingRestart(s *scene) {
	s.roll(http.MethodGet, func() *service {
		// Checked so rarely that no check takes it out before it says so itself.
		return s.launch(append(s.registryFlags(), "-check.interval", "1m")...)
	})
}

// rollingRestartOfRun is the same for programs made with the library's Run, whose
// requests are under way for a while and cannot be sent again.
func rollingRestartOfRun(s *scene) {
	itself, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	s.roll(http.MethodPost, func() *service {
		port := s.freePort()
		p, err := program.Start(program.Spec{
			Name: fmt.Sprintf("instance-%d", port), Path: itself,
			Env: []string{instanceVariable + "=" + s.registry.Address(), instanceVariable + "_PORT=" + strconv.Itoa(port)},
		})
		if err != nil {
			s.Fatal(err)
		}
		s.keep(p)
		return &service{Program: p, port: port}
	})
}

// instanceVariable tells this program to be an instance of a service, and with
// which registry.
const instanceVariable = "MUSTER_TEST_INSTANCE"

// beInstance is a program as those who use the library write it.
func beInstance(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Getenv(instanceVariable+"_PORT")))
	if err != nil {
		return err
	}
	registry, err := consul.New(&api.Config{Address: address}, consul.Config{})
	if err != nil {
		return err
	}
	registrar := announce.NewRegistrar(registry, announce.Registration{
		ID: fmt.Sprint(serviceName, "-", os.Getpid()), Service: serviceName, Address: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port,
		Check: announce.HealthCheck{TCP: listener.Addr().String(), Interval: time.Minute},
	}, announce.RegistrarConfig{})
	routes := http.NewServeMux()
	routes.HandleFunc("/say-hello", func(w http.ResponseWriter, r *http.Request) {
		rest(r.Context(), 20*time.Millisecond) // so that some are always under way
		_, _ = io.WriteString(w, "hello")
	})
	routes.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if registrar.Standing() != announce.Registered {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	return announce.Run(ctx, registrar, &http.Server{Handler: routes}, listener, announce.RunConfig{Source: registry})
}

// roll restarts instances, which launch starts, under requests of a method.
func (s *scene) roll(method string, launch func() *service) {
	s.Helper()
	instances := make([]*service, *rollingInstances)
	for n := range instances {
		instances[n] = launch()
	}
	for _, v := range instances {
		s.ready(v)
	}
	l := s.load(method, len(instances))
	began := time.Now()
	var stops []time.Duration
	for n, old := range instances {
		asked := time.Now()
		if err := old.Signal(syscall.SIGTERM); err != nil {
			s.Fatal(err)
		}
		s.left(old)
		stops = append(stops, time.Since(asked))
		instances[n] = launch()
		s.ready(instances[n])
	}
	took := time.Since(began)
	l.end()
	slices.Sort(stops)
	s.Logf("%d instances restarted in %s: %d requests, %.0f a second; callers saw %d failures; first attempts: %d failed, %d of them unsent; attempts at all: %d; stops: median %s, slowest %s",
		len(stops), took.Round(time.Millisecond), l.asked.Load(), float64(l.asked.Load())/took.Seconds(), l.failed.Load(), l.first.Load(), l.unsent.Load(), l.attempts.Load(),
		stops[len(stops)/2].Round(time.Millisecond), stops[len(stops)-1].Round(time.Millisecond))
	if l.failed.Load() > 0 {
		s.Errorf("%d of %d requests failed, want none; the first: %v", l.failed.Load(), l.asked.Load(), *l.why.Load())
	}
}

// load is requests that come at a steady rate through the library's transport.
type load struct {
	method        string
	asked, failed atomic.Int64 // requests, as their callers see them
	attempts      atomic.Int64
	first, unsent atomic.Int64          // first attempts that failed, and those of them that no instance saw
	why           atomic.Pointer[error] // the first failure
	end           func()                // sends no more, and waits for all answers
}

// load begins to send requests, once so many instances are known.
func (s *scene) load(method string, instances int) *load {
	s.Helper()
	registry, err := consul.New(&api.Config{Address: s.registry.Address()}, consul.Config{})
	if err != nil {
		s.Fatal(err)
	}
	l := &load{method: method}
	cache := library.NewCache(registry, library.CacheConfig{})
	transport := httpdiscover.New(cache, httpdiscover.Config{Observe: l.observe})
	s.eventually(startLimit, "all are known", func(ctx context.Context) error {
		known, err := cache.Get(ctx, library.Query{Service: serviceName})
		if err == nil && len(known.Instances) != instances {
			err = fmt.Errorf("%d instances are known", len(known.Instances))
		}
		return err
	})
	ctx, stop := context.WithCancel(s.Context())
	var running sync.WaitGroup
	running.Go(func() { // ends with stop; awaited in end
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for began, sent := time.Now(), 0; ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			for due := int(time.Since(began).Seconds() * float64(*rollingRate)); sent < due; sent++ {
				running.Go(func() { l.ask(&http.Client{Transport: transport}) }) // ends with its answer; awaited in end
			}
		}
	})
	l.end = sync.OnceFunc(func() {
		stop()
		running.Wait()
		if err := errors.Join(transport.Close(), cache.Close()); err != nil {
			s.Error(err)
		}
	})
	s.Cleanup(l.end)
	return l
}

// observe counts attempts.
func (l *load) observe(a httpdiscover.Attempt) {
	l.attempts.Add(1)
	if a.Number == 1 && a.Failed {
		l.first.Add(1)
		if errors.Is(a.Err, syscall.ECONNREFUSED) {
			l.unsent.Add(1)
		}
	}
}

// ask sends one request and counts what became of it.
func (l *load) ask(client *http.Client) {
	l.asked.Add(1)
	if err := hello(client, l.method); err != nil {
		l.failed.Add(1)
		l.why.CompareAndSwap(nil, &err)
	}
}

func hello(client *http.Client, method string) error {
	request, err := http.NewRequest(method, "http://"+serviceName+"/say-hello", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, body)
	}
	return err
}
