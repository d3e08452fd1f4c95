package kitdiscover_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/discovertest"
	"github.com/realjf/muster/discover/kitdiscover"
)

// book is a registry that a test drives by hand.
type book struct {
	mu    sync.Mutex
	ids   map[string]bool
	down  error
	asked int
}

func (b *book) write(id string, known bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down == nil {
		b.ids[id] = known
	}
	return b.down
}

func (b *book) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = err
}

func (b *book) knows(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ids[id]
}

func (b *book) Register(_ context.Context, r announce.Registration) error {
	if err := r.Validate(); err != nil {
		return err
	}
	return b.write(r.ID, true)
}

func (b *book) Deregister(_ context.Context, id string) error { return b.write(id, false) }

func (b *book) Await(ctx context.Context, id, hash string) (string, error) {
	if !b.knows(id) {
		return "", announce.ErrNotRegistered
	}
	if hash == "" {
		return "1", nil
	}
	<-ctx.Done()
	return "", ctx.Err()
}

// registrar returns one of web-1, and its log.
func registrar(b *book, id string) (*kitdiscover.Registrar, *bytes.Buffer) {
	var lines bytes.Buffer
	r := announce.NewRegistrar(b, announce.Registration{ID: id, Service: "web", Address: "10.0.0.1", Port: 80}, announce.RegistrarConfig{})
	return kitdiscover.NewRegistrar(r, kitdiscover.RegistrarConfig{Logger: slog.New(slog.NewTextHandler(&lines, nil))}), &lines
}

func TestRegistrar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{ids: map[string]bool{}}
		r, log := registrar(b, "web-1")
		r.Register()
		if !b.knows("web-1") || !strings.Contains(log.String(), "level=INFO msg=registered") {
			t.Errorf("after Register: known %t, log %q", b.knows("web-1"), log)
		}
		r.Deregister()
		if b.knows("web-1") || !strings.Contains(log.String(), "level=INFO msg=deregistered") {
			t.Errorf("after Deregister: known %t, log %q", b.knows("web-1"), log)
		}
	})
}

func TestRegistrarWhileTheRegistryIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{ids: map[string]bool{}}
		r, log := registrar(b, "web-1")
		down := errors.New("registry is down")
		b.fail(down)
		began := time.Now()
		r.Register()
		if took := time.Since(began); took != 10*time.Second || b.asked < 5 || strings.Count(log.String(), "level=ERROR") != 1 ||
			!strings.Contains(log.String(), down.Error()) {
			t.Errorf("Register took %s and %d calls, log %q; want 10 s, several and the error", took, b.asked, log)
		}
		time.AfterFunc(3500*time.Millisecond, func() { b.fail(nil) })
		began = time.Now()
		r.Register()
		if took := time.Since(began); took != 4*time.Second || !b.knows("web-1") {
			t.Errorf("Register took %s, known %t; want 4 s, and true", took, b.knows("web-1"))
		}
		b.fail(down)
		log.Reset()
		began = time.Now()
		r.Deregister()
		if took := time.Since(began); took != 10*time.Second || !strings.Contains(log.String(), "level=ERROR msg=\"cannot deregister\"") {
			t.Errorf("Deregister took %s, log %q; want 10 s and the error", took, log)
		}
		if err := r.Announce(t.Context()); !errors.Is(err, down) {
			t.Errorf("Announce: got error %v, want the registry's", err)
		}
	})
}

func TestRegistrarOfWhatNoRegistryCouldTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{ids: map[string]bool{}}
		r, log := registrar(b, "../kv")
		began := time.Now()
		r.Register()
		if took := time.Since(began); took != 0 || b.asked != 0 || !strings.Contains(log.String(), "level=ERROR") {
			t.Errorf("Register took %s and %d calls, log %q; want none and the error", took, b.asked, log)
		}
	})
}

func TestRegistrarSaysAtOnceWhatIsFinal(t *testing.T) {
	for _, final := range []error{
		&announce.TakenError{ID: "web-1", Address: "10.0.0.9:80"},
		fmt.Errorf("%w: connection refused", announce.ErrUnwell),
		api.StatusError{Code: http.StatusForbidden, Body: "Permission denied"},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := &book{ids: map[string]bool{}}
			r, log := registrar(b, "web-1")
			b.fail(final)
			began := time.Now()
			r.Register()
			if took := time.Since(began); took != 0 || b.asked != 1 || !strings.Contains(log.String(), "level=ERROR") {
				t.Errorf("%v: Register took %s and %d calls, log %q; want one call and the error", final, took, b.asked, log)
			}
		})
	}
}

func TestWhatIsMissingIsMissedAtOnce(t *testing.T) {
	for want, begin := range map[string]func(){
		"NewRegistrar needs a registrar":         func() { kitdiscover.NewRegistrar(nil, kitdiscover.RegistrarConfig{}) },
		"NewBalancer needs a watch and a factor": func() { kitdiscover.NewBalancer(nil, newPlant().make, kitdiscover.BalancerConfig{}) },
		"and a factory, and one of them is nil": func() {
			w := watch(discovertest.NewHand())
			defer w.Close()
			kitdiscover.NewBalancer(w, nil, kitdiscover.BalancerConfig{})
		},
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, want) {
					t.Errorf("got a panic with %q, want one that says %q", said, want)
				}
			}()
			begin()
		}()
	}
}
