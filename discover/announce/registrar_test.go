package announce_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/internal/logbook"
)

var web1 = announce.Registration{ID: "web-1", Service: "web", Port: 80}

// announced runs test in a bubble with web1 announced, and withdraws it.
func announced(t *testing.T, cfg announce.RegistrarConfig, test func(t *testing.T, reg *shelf, r *announce.Registrar)) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		r := announce.NewRegistrar(reg, web1, cfg)
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if reg.hash(web1.ID) == "" {
			t.Error("it is not registered when Announce returns")
		}
		synctest.Wait()
		test(t, reg, r)
		reg.wipe(nil)
		if err := r.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// back returns how long it took until web1 was registered as it should be.
func back(t *testing.T, reg *shelf) time.Duration {
	t.Helper()
	start := time.Now()
	for reg.hash(web1.ID) != fmt.Sprint(web1) {
		time.Sleep(time.Millisecond)
		if time.Since(start) > time.Hour {
			t.Fatal("it did not come back within an hour")
		}
	}
	return time.Since(start)
}

func TestRegistrarPutsBackWhatWasLost(t *testing.T) {
	var causes []error
	cfg := announce.RegistrarConfig{OnStanding: onHeal(func(cause error) { causes = append(causes, cause) })}
	announced(t, cfg, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		for i := range 20 {
			reg.wipe(nil)
			if took := back(t, reg); took > 1100*time.Millisecond {
				t.Errorf("loss %d: it took %s, want at most a second", i, took)
			}
			time.Sleep(time.Second)
		}
		if r.Detail().Healed != 20 || len(causes) != 20 || !errors.Is(causes[0], announce.ErrNotRegistered) {
			t.Errorf("healed %d times, hook called with %v; want 20 times ErrNotRegistered", r.Detail().Healed, causes)
		}
	})
}

// The registry goes down, comes back without its data, any time later.
func TestRegistrarComesBackWithTheRegistry(t *testing.T) {
	var log logbook.Book
	announced(t, announce.RegistrarConfig{Logger: log.Logger()}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		outages := []time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, time.Minute, time.Hour}
		for _, outage := range outages {
			reg.wipe(errDown)
			time.Sleep(outage)
			reg.wipe(nil)
			if took := back(t, reg); took > 1200*time.Millisecond {
				t.Errorf("after an outage of %s it took %s, want about a second at most", outage, took)
			}
			time.Sleep(2 * time.Second)
		}
		if r.Detail().Healed != uint64(len(outages)) {
			t.Errorf("healed %d times, want %d", r.Detail().Healed, len(outages))
		}
	})
	if n := len(log.Lines()); n > 3*6 {
		t.Errorf("logged %d lines, want one for each change", n)
	}
}

func TestRegistrarLeavesWhatIsTrue(t *testing.T) {
	var log logbook.Book
	announced(t, announce.RegistrarConfig{Logger: log.Logger()}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		setDown := func(err error) { // it keeps its data
			reg.mu.Lock()
			defer reg.mu.Unlock()
			reg.down = err
		}
		time.Sleep(time.Hour)
		setDown(errDown)
		time.Sleep(time.Hour)
		setDown(nil)
		time.Sleep(1200 * time.Millisecond)
		log.Expect(t, "does not answer", "true again")
		time.Sleep(time.Hour)
		if n := len(reg.calls()); n != 1 || r.Detail().Healed != 0 {
			t.Errorf("registered %d times, healed %d; want once and never", n, r.Detail().Healed)
		}
	})
}

// The registry is replaced by a version of it that hashes otherwise.
func TestRegistrarTakesANewHashOver(t *testing.T) {
	announced(t, announce.RegistrarConfig{}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		reg.mu.Lock()
		reg.salt = "new"
		reg.put(web1.ID, fmt.Sprint(web1)+reg.salt)
		reg.mu.Unlock()
		time.Sleep(time.Hour)
		if r.Detail().Healed != 1 {
			t.Errorf("healed %d times, want once", r.Detail().Healed)
		}
	})
}

func TestRegistrarPutsBackWhatWasAltered(t *testing.T) {
	var causes []error
	cfg := announce.RegistrarConfig{OnStanding: onHeal(func(cause error) { causes = append(causes, cause) })}
	announced(t, cfg, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		reg.alter(web1.ID)
		if took := back(t, reg); took > 1100*time.Millisecond {
			t.Errorf("it took %s, want at most a second", took)
		}
		if len(causes) != 1 || !errors.Is(causes[0], announce.ErrAltered) {
			t.Errorf("hook called with %v, want ErrAltered", causes)
		}
	})
}

// Two owners of one id must not wear the registry out.
func TestRegistrarsInRivalry(t *testing.T) {
	announced(t, announce.RegistrarConfig{}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		other := web1
		other.Port = 81
		rival := announce.NewRegistrar(reg, other, announce.RegistrarConfig{})
		if err := rival.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if n := len(reg.calls()); n < 20 || n > 400 {
			t.Errorf("registered %d times in an hour of rivalry, want a few a minute", n)
		}
		if err := rival.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		reg.alter(web1.ID)
		if took := back(t, reg); took > 1100*time.Millisecond {
			t.Errorf("once the rival is gone, it took %s, want at most a second", took)
		}
	})
}

func TestRegistrarFleetSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		const fleet = 1000
		var registrars []*announce.Registrar
		for i := range fleet {
			registration := web1
			registration.ID = fmt.Sprintf("web-%d", i)
			r := announce.NewRegistrar(reg, registration, announce.RegistrarConfig{})
			if err := r.Announce(t.Context()); err != nil {
				t.Fatal(err)
			}
			registrars = append(registrars, r)
		}
		time.Sleep(time.Second)
		lost := time.Now()
		reg.wipe(nil)
		time.Sleep(time.Minute)

		var tenths [10]int
		calls := reg.calls()[fleet:]
		for _, at := range calls {
			tenths[min(9, int(at.Sub(lost)/(100*time.Millisecond)))]++
		}
		if len(calls) != fleet {
			t.Errorf("registered %d times, want %d", len(calls), fleet)
		}
		for i, n := range tenths {
			if n < 50 || n > 200 {
				t.Errorf("%d of %d registered in tenth %d of the second, want about %d", n, fleet, i, fleet/10)
			}
		}
		for _, r := range registrars {
			if err := r.Withdraw(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A registry that does not block must not make the keeper spin.
func TestRegistrarDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := &hasty{shelf: newShelf()}
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := r.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		if reg.asked > 605 || reg.asked < 590 {
			t.Errorf("asked %d times in a minute, want ten times a second", reg.asked)
		}
	})
}

type hasty struct {
	*shelf
	asked int
}

func (h *hasty) Await(context.Context, string, string) (string, error) {
	h.asked++
	return "hash", nil
}

func TestAnnounceFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		reg.wipe(errDown)
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
		if err := r.Announce(t.Context()); !errors.Is(err, errDown) {
			t.Errorf("got error %v, want the registry's", err)
		}
		reg.wipe(nil)
		time.Sleep(time.Minute)
		if n := len(reg.calls()); n != 0 {
			t.Errorf("registered %d times after a failed Announce, want never", n)
		}
		bad := announce.NewRegistrar(reg, announce.Registration{Service: "web"}, announce.RegistrarConfig{})
		if err := bad.Announce(t.Context()); !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("without an id: got error %v, want ErrInvalid", err)
		}
	})
}

// The caller's context ends with the start; the keeping does not.
func TestAnnounceOutlivesItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		if err := r.Announce(ctx); err != nil {
			t.Fatal(err)
		}
		cancel()
		synctest.Wait()
		reg.wipe(nil)
		back(t, reg)
		if err := r.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestWithdraw(t *testing.T) {
	announced(t, announce.RegistrarConfig{}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		if err := r.Announce(t.Context()); err != nil {
			t.Errorf("announced twice: %v", err)
		}
		for range 2 {
			if err := r.Withdraw(t.Context()); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Hour)
			if reg.hash(web1.ID) != "" {
				t.Error("it is registered after Withdraw")
			}
		}
		if n := len(reg.calls()); n != 1 {
			t.Errorf("registered %d times, want once", n)
		}
		if err := r.Announce(t.Context()); err != nil || reg.hash(web1.ID) == "" {
			t.Errorf("announced again: error %v, want it registered", err)
		}
	})
}

// A call that failed and may have arrived is taken back.
func TestWithdrawAfterAnnounceFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		reg.onRegister = func() { time.Sleep(2 * time.Second) }
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Announce(ctx); err == nil {
			t.Fatal("announced in time")
		}
		time.Sleep(2 * time.Second)
		if reg.hash(web1.ID) == "" {
			t.Fatal("it did not arrive")
		}
		if err := r.Withdraw(t.Context()); err != nil || reg.hash(web1.ID) != "" {
			t.Errorf("got error %v, hash %q; want it gone", err, reg.hash(web1.ID))
		}
	})
}

// What was never sent is not taken back, and it stands as it stood.
func TestWithdrawOfWhatWasNotSent(t *testing.T) {
	unreachable := &net.OpError{Op: "dial", Net: "tcp", Err: errDown}
	for name, test := range map[string]struct {
		id   string
		down error
		want []announce.Standing
	}{
		"nothing was announced": {"web-1", nil, nil},
		"no id":                 {"", nil, []announce.Standing{}},
		"no way to it":          {"web-1", unreachable, []announce.Standing{announce.Registering, announce.Withdrawn}},
		"refused":               {"web-1", api.StatusError{Code: http.StatusForbidden}, []announce.Standing{announce.Registering, announce.Withdrawn}},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newShelf()
			reg.fail(test.down)
			var book diary
			about := web1
			about.ID = test.id
			r := announce.NewRegistrar(reg, about, announce.RegistrarConfig{OnStanding: book.note})
			if test.want != nil {
				if err := r.Announce(t.Context()); err == nil {
					t.Error("it is announced")
				}
			}
			if err := r.Withdraw(t.Context()); err != nil || r.Standing() != announce.Withdrawn {
				t.Errorf("got error %v, it stands %s", err, r.Standing())
			}
			book.expect(t, test.want...)
		})
	}
}

func TestNewRegistrarWithoutARegistry(t *testing.T) {
	for _, reg := range []announce.Registry{nil, (*consul.Client)(nil)} {
		func() {
			defer func() {
				if said, _ := recover().(string); !strings.Contains(said, "the registry is nil") {
					t.Errorf("%T: got %q", reg, said)
				}
			}()
			announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
		}()
	}
}

func TestOwnerOfTheCallers(t *testing.T) {
	about := web1
	about.Meta = map[string]string{ownerKey: "me"}
	r := announce.NewRegistrar(newLedger(), about, announce.RegistrarConfig{})
	if err := r.Announce(t.Context()); !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), "leave it out") {
		t.Errorf("got error %v", err)
	}
}

// A registration on its way when Withdraw is called must not arrive after it.
func TestWithdrawWinsAgainstRegistration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		pass := make(chan struct{}, 1)
		reg.onRegister = func() { <-pass }
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{})
		pass <- struct{}{}
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		reg.wipe(nil)
		time.Sleep(2 * time.Second) // the keeper registers, and hangs there

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Withdraw(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("while a registration is on its way: got error %v, want the context's", err)
		}
		time.AfterFunc(time.Second, func() { pass <- struct{}{} })
		if err := r.Withdraw(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
		time.Sleep(time.Hour)
		if n := len(reg.calls()); n != 2 || reg.hash(web1.ID) != "" {
			t.Errorf("registered %d times, %q remains; want it twice and nothing", n, reg.hash(web1.ID))
		}
	})
}

func TestWithdrawFails(t *testing.T) {
	announced(t, announce.RegistrarConfig{}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		reg.wipe(errDown)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Withdraw(ctx); !errors.Is(err, errDown) {
			t.Errorf("got error %v, want the registry's", err)
		}
		reg.wipe(nil)
		time.Sleep(time.Hour)
		if n := len(reg.calls()); n != 1 {
			t.Errorf("registered %d times, want no more after Withdraw", n)
		}
	})
}

// TestWithdrawIsRefused: who may not, or asks for what cannot be, is told at
// once.
func TestWithdrawIsRefused(t *testing.T) {
	for _, code := range []int{400, 401, 403} {
		announced(t, announce.RegistrarConfig{}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
			reg.fail(fmt.Errorf("deregister: %w", api.StatusError{Code: code, Body: "Permission denied"}))
			start := time.Now()
			var refusal api.StatusError
			if err := r.Withdraw(t.Context()); !errors.As(err, &refusal) || refusal.Code != code {
				t.Errorf("got %v, want the refusal", err)
			}
			if took := time.Since(start); took > 0 {
				t.Errorf("%d: it took %v, want no time", code, took)
			}
			reg.fail(nil)
		})
	}
}

// TestWithdrawOutlastsARestart: a registry that is away for a moment does not
// keep an instance that is gone.
func TestWithdrawOutlastsARestart(t *testing.T) {
	announced(t, announce.RegistrarConfig{}, func(t *testing.T, reg *shelf, r *announce.Registrar) {
		reg.fail(errDown)
		time.AfterFunc(3*time.Second, func() { reg.fail(nil) })
		if err := r.Withdraw(t.Context()); err != nil {
			t.Errorf("withdraw over a restart: %v", err)
		}
		if reg.hash(web1.ID) != "" {
			t.Error("the registry still has the instance")
		}
	})
}
