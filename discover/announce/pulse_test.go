package announce_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/internal/logbook"
)

// beating runs test with job announced in a bubble; job has a TTL of 15 s.
func beating(t *testing.T, job announce.Registration, cfg announce.RegistrarConfig, test func(t *testing.T, reg *ledger, r *announce.Registrar)) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		r := announce.NewRegistrar(reg, job, cfg)
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		test(t, reg, r)
		if err := r.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
		n := len(reg.told())
		time.Sleep(time.Minute)
		if got := len(reg.told()); got != n {
			t.Errorf("told %d times after Withdraw, want silence", got-n)
		}
	})
}

var job = announce.Registration{ID: "job-1", Service: "job"}

// Who names no check is told of all the same, and found dead within three
// heartbeats.
func TestHeartbeatsByDefault(t *testing.T) {
	beating(t, job, announce.RegistrarConfig{}, func(t *testing.T, reg *ledger, r *announce.Registrar) {
		time.Sleep(time.Hour)
		told := reg.told()
		if n := len(told); n < 3600/5-1 || n > 3600/4+1 {
			t.Errorf("told %d times in an hour, want one every 4 to 5 s", n)
		}
		distinct := make(map[time.Duration]bool)
		for i := 1; i < len(told); i++ {
			pause := told[i].at.Sub(told[i-1].at)
			distinct[pause] = true
			if pause > 5*time.Second || told[i].status != discover.Passing {
				t.Fatalf("report %d, %s after the one before: %+v", i, pause, told[i])
			}
		}
		if len(distinct) < 10 {
			t.Error("the heartbeats have no jitter")
		}
		if ttl := reg.kept(job.ID).Check.TTL; ttl != 15*time.Second {
			t.Errorf("registered with a TTL of %s", ttl)
		}
	})
}

func TestUncheckedHasNoHeartbeats(t *testing.T) {
	unchecked := job
	unchecked.Check.Unchecked = true
	beating(t, unchecked, announce.RegistrarConfig{}, func(t *testing.T, reg *ledger, r *announce.Registrar) {
		time.Sleep(time.Hour)
		if n := len(reg.told()); n != 0 || reg.kept(job.ID).Check.TTL != 0 {
			t.Errorf("told %d times, registered with %+v; want no check", n, reg.kept(job.ID).Check)
		}
	})
}

func TestHealthFunction(t *testing.T) {
	var feeling atomic.Pointer[error]
	feel := func(err error) { feeling.Store(&err) }
	feel(errors.New("warming up"))
	cfg := announce.RegistrarConfig{Health: func(context.Context) error { return *feeling.Load() }}
	quick := job
	quick.Check = announce.HealthCheck{TTL: 30 * time.Second, Interval: time.Second}
	beating(t, quick, cfg, func(t *testing.T, reg *ledger, r *announce.Registrar) {
		if s := reg.kept(job.ID).Check.Status; s != discover.Critical {
			t.Errorf("registered as %q while it warms up, want critical", s)
		}
		for _, change := range []struct {
			say    error
			status discover.Status
			text   string
		}{
			{nil, discover.Passing, ""},
			{fmt.Errorf("%w: disk is 91 %% full", announce.ErrWarning), discover.Warning, "warning: disk is 91 % full"},
			{errors.New("no database"), discover.Critical, "no database"},
			{nil, discover.Passing, ""},
		} {
			before := len(reg.told())
			feel(change.say)
			time.Sleep(1100 * time.Millisecond)
			told := reg.told()
			if n := len(told); n != before+1 || told[n-1].status != change.status || told[n-1].text != change.text {
				t.Errorf("told %+v within a second of the change, want %s %q once", told[before:], change.status, change.text)
			}
		}
		before := len(reg.told())
		r.Refresh()
		synctest.Wait()
		if n := len(reg.told()); n != before+1 {
			t.Errorf("told %d times after Refresh, want once", n-before)
		}
	})
}

// A function that hangs does not pass for health, is not started again, and
// does not hold up the end.
func TestHealthFunctionHangs(t *testing.T) {
	var calls atomic.Int32
	release := make(chan struct{})
	cfg := announce.RegistrarConfig{Health: func(context.Context) error {
		if calls.Add(1) > 1 {
			<-release // whatever its context says
		}
		return nil
	}}
	bounded := job
	bounded.Check = announce.HealthCheck{TTL: 15 * time.Second, Timeout: 2 * time.Second}
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		r := announce.NewRegistrar(reg, bounded, cfg)
		release = make(chan struct{})
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(8 * time.Second)
		told := reg.told()
		last := told[len(told)-1]
		if last.status != discover.Critical || !strings.Contains(last.text, "did not answer within 2s") {
			t.Errorf("told %+v of a function that hangs", last)
		}
		time.Sleep(time.Minute)
		if n := calls.Load(); n != 2 {
			t.Errorf("called %d times, want no more while it hangs", n)
		}
		start := time.Now()
		if err := r.Withdraw(t.Context()); err != nil || time.Since(start) > 0 {
			t.Errorf("withdrawn after %s, error %v, want at once", time.Since(start), err)
		}
		close(release)
	})
}

// A registration that is put back is no better than the instance feels.
func TestHeartbeatsHeal(t *testing.T) {
	sick := announce.RegistrarConfig{Health: func(context.Context) error { return errors.New("sick") }}
	beating(t, job, sick, func(t *testing.T, reg *ledger, r *announce.Registrar) {
		time.Sleep(time.Minute)
		reg.uncheck(job.ID) // which does not change the hash
		time.Sleep(7 * time.Second)
		if held := reg.kept(job.ID); held.Check.TTL == 0 || held.Check.Status != discover.Critical || r.Detail().Healed != 1 {
			t.Errorf("after its check was lost: healed %d times, check %+v", r.Detail().Healed, held.Check)
		}
		reg.wipe(nil)
		time.Sleep(2 * time.Second)
		told := reg.told()
		if r.Detail().Healed != 2 || told[len(told)-1].text != "sick" || time.Since(told[len(told)-1].at) > 2*time.Second {
			t.Errorf("after all was lost: healed %d times, told last %+v", r.Detail().Healed, told[len(told)-1])
		}
	})
}

// A registry that is back hears a heartbeat within about a second.
func TestHeartbeatsOverAnOutage(t *testing.T) {
	var log logbook.Book
	var asked atomic.Int32
	cfg := announce.RegistrarConfig{Logger: log.Logger(), Health: func(context.Context) error { asked.Add(1); return nil }}
	beating(t, job, cfg, func(t *testing.T, reg *ledger, r *announce.Registrar) {
		reg.mu.Lock()
		reg.deaf = errDown
		reg.mu.Unlock()
		before := asked.Load()
		time.Sleep(time.Minute)
		if n := asked.Load() - before; n > 16 {
			t.Errorf("the health function was asked %d times in a minute of silence, want no more than else", n)
		}
		n := len(reg.told())
		reg.mu.Lock()
		reg.deaf = nil
		reg.mu.Unlock()
		time.Sleep(1100 * time.Millisecond)
		if got := len(reg.told()); got != n+1 {
			t.Errorf("told %d times within a second of the return, want once", got-n)
		}
		log.Expect(t, "does not take heartbeats")
	})
}

func TestHealthWhereNobodyListens(t *testing.T) {
	healthy := func(context.Context) error { return nil }
	for name, test := range map[string]struct {
		reg   announce.Registry
		check announce.HealthCheck
		cfg   announce.RegistrarConfig
		want  string
	}{
		"beside another kind":   {newLedger(), announce.HealthCheck{TCP: "h:1"}, announce.RegistrarConfig{Health: healthy}, "a health function is for a TTL"},
		"no reports":            {newShelf(), announce.HealthCheck{}, announce.RegistrarConfig{Health: healthy}, "a health function is for a TTL"},
		"no reports, but a TTL": {newShelf(), announce.HealthCheck{TTL: time.Second}, announce.RegistrarConfig{}, "takes no reports"},
		"a verdict in no time":  {newLedger(), announce.HealthCheck{}, announce.RegistrarConfig{Verdict: -1}, "negative"},
	} {
		r := job
		r.Check = test.check
		err := announce.NewRegistrar(test.reg, r, test.cfg).Announce(t.Context())
		if !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got error %v, want ErrInvalid with %q", name, err, test.want)
		}
	}
}
