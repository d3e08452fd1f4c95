package check

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/state"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asScript {
		beScript(os.Args[2:]) // this binary is the script of a check, see script_test.go
	}
	if filepath.Base(os.Args[0]) == systemctl {
		beSystemctl(os.Args[1:])
	}
	goleak.VerifyTestMain(m)
}

// scripted is a prober that takes the given time and gives the next result.
type scripted struct {
	takes   time.Duration
	results []state.Status // the last one repeats
	times   []time.Time    // when it was asked
}

func (s *scripted) probe(ctx context.Context) Result {
	s.times = append(s.times, time.Now())
	timer := time.NewTimer(s.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return Result{state.Critical, ctx.Err().Error()}
	}
	result := s.results[0]
	if len(s.results) > 1 {
		s.results = s.results[1:]
	}
	return Result{result, "scripted"}
}

// reports collects what a check reports.
type reports struct {
	mu  sync.Mutex
	all []Result
}

func (r *reports) add(report Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, report.Result)
}

// last returns how many reports there were and the last of them.
func (r *reports) last() (int, Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return 0, Result{}
	}
	return len(r.all), r.all[len(r.all)-1]
}

// running gives the test a running runner in a bubble of its own time.
func running(t *testing.T, test func(*testing.T, *Runner)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		runner := NewRunner(nil)
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { _ = runner.Run(ctx) })
		test(t, runner)
		cancel()
		loop.Wait()
	})
}

func TestFirstProbeAtOnceThenEachInterval(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		began := time.Now()
		probe := &scripted{takes: time.Second, results: []state.Status{state.Passing}}
		var got reports
		r.start("", Definition{Interval: 10 * time.Second, OutputMaxSize: 10}, probe, got.add)
		time.Sleep(65 * time.Second)
		synctest.Wait()

		if first := probe.times[0].Sub(began); first != 0 {
			t.Errorf("the first probe came after %s, want at once", first)
		}
		if gap := probe.times[1].Sub(probe.times[0]); gap <= 0 || gap > 11*time.Second {
			t.Errorf("the second probe came %s after the first, want within an interval of its end", gap)
		}
		for n := 2; n < len(probe.times); n++ {
			if gap := probe.times[n].Sub(probe.times[n-1]); gap != 10*time.Second {
				t.Errorf("probe %d came %s after the one before, want 10s", n, gap)
			}
		}
		if count, _ := got.last(); count < 6 || count < len(probe.times)-1 { // the last may be under way
			t.Errorf("got %d reports of %d probes in 65s, want one each and at least 6", count, len(probe.times))
		}
	})
}

func TestSlowTargetIsCutOffAndDelaysNobody(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		hang := &scripted{takes: time.Hour, results: []state.Status{state.Passing}}
		var hung, quick reports
		r.start("", Definition{Interval: 10 * time.Second, Timeout: 3 * time.Second}, hang, hung.add)
		r.start("", Definition{Interval: 10 * time.Second}, &scripted{results: []state.Status{state.Passing}}, quick.add)
		time.Sleep(time.Second)
		synctest.Wait()
		if count, _ := quick.last(); count == 0 { // its second point may be as near as it likes
			t.Error("the quick check gave no report beside a hanging one")
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if _, result := hung.last(); result.Status != state.Critical {
			t.Errorf("a target that hangs is %q after its timeout, want critical", result.Status)
		}
	})
}

// TestManyChecksSpread: checks that are registered within a second look at
// once, and from then on not together, each at its own time to the instant.
func TestManyChecksSpread(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		const checks, interval = 10_000, 10 * time.Second
		began := time.Now()
		all := make([]*scripted, checks)
		for n := range all {
			all[n] = &scripted{takes: time.Millisecond, results: []state.Status{state.Passing}}
			r.start("", Definition{Interval: interval}, all[n], func(Report) {})
			if n%1000 == 999 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		time.Sleep(45 * time.Second)
		synctest.Wait()
		const tenth = 100 * time.Millisecond
		looks := map[time.Duration]int{}
		for n, probe := range all {
			if wait := probe.times[0].Sub(began); wait > 1200*time.Millisecond {
				t.Fatalf("check %d first looked after %s, want at once", n, wait)
			}
			for i := 1; i < len(probe.times); i++ {
				looks[probe.times[i].Sub(began)/tenth]++
				if gap := probe.times[i].Sub(probe.times[i-1]); i > 1 && gap != interval {
					t.Fatalf("check %d looked %s after its last, want %s: it drifts", n, gap, interval)
				}
			}
			if len(probe.times) < 5 {
				t.Fatalf("check %d looked %d times in 45s, want each %s", n, len(probe.times), interval)
			}
		}
		const even = checks * int(tenth) / int(interval)
		for at := 11 * time.Second / tenth; at < 44*time.Second/tenth; at++ {
			if got := looks[at]; got < even*9/10 || got > even*11/10 {
				t.Errorf("%d checks looked in the tenth of a second from %s on, want about %d", got, at*tenth, even)
			}
		}
	})
}

// TestFirstLooksAreBounded: not everyone opens a connection at once, and
// targets that hang hold up the others for no longer than is stated.
func TestFirstLooksAreBounded(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		const hanging = 2*rushMost + rushMost/2
		var under, most atomic.Int32
		for range hanging {
			r.start("", Definition{Interval: time.Minute, Timeout: time.Minute}, proberFunc(func(ctx context.Context) Result {
				most.Store(max(most.Load(), under.Add(1)))
				<-ctx.Done()
				under.Add(-1)
				return Result{}
			}), func(Report) {})
		}
		began, quick := time.Now(), &scripted{results: []state.Status{state.Passing}}
		r.start("", Definition{Interval: time.Minute}, quick, func(Report) {})
		synctest.Wait()
		if got := most.Load(); got != rushMost {
			t.Errorf("%d looks began at once, want %d", got, rushMost)
		}
		time.Sleep(5 * rushHold)
		synctest.Wait()
		if len(quick.times) == 0 || quick.times[0].Sub(began) > 2*rushHold {
			t.Errorf("behind %d targets that hang a check looked at %v from %v on, want after %s", hanging, quick.times, began, 2*rushHold)
		}
	})
}

// TestSleepIsNoRush: what is late because the machine slept does not come all
// at once either.
func TestSleepIsNoRush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRunner(nil)
		task := r.start("", Definition{Interval: time.Second}, &scripted{}, func(Report) {})
		if !task.rushes() {
			t.Error("a first look does not count as one of many")
		}
		if task.rushes() {
			t.Error("a look in time counts as one of many")
		}
		time.Sleep(late + time.Nanosecond) // nobody rang
		if !task.rushes() {
			t.Error("a look that is late does not count as one of many")
		}
	})
}

// proberFunc is a prober that is a function.
type proberFunc func(context.Context) Result

func (f proberFunc) probe(ctx context.Context) Result { return f(ctx) }

func TestStoppedCheckIsSilent(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		var got reports
		task := r.start("", Definition{Interval: time.Second}, &scripted{takes: time.Second / 2, results: []state.Status{state.Passing}}, got.add)
		time.Sleep(time.Second / 4)
		task.Stop() // while it is under way
		time.Sleep(time.Minute)
		synctest.Wait()
		if count, _ := got.last(); count != 0 {
			t.Errorf("got %d reports after Stop, want none", count)
		}
	})
}

// TestRulesAreApplied: the thresholds and the damping, in this order, and what
// they hold back is told as such.
func TestRulesAreApplied(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		const p, c = state.Passing, state.Critical
		probe := &scripted{results: []state.Status{p, c, c, p, c, c, p, c, p, c, c, p}}
		var got []string
		r.start("", Definition{Interval: 10 * time.Second, FailuresBeforeCritical: 2, FlapDamping: 10 * time.Minute}, probe, func(report Report) {
			line := string(report.Status)
			if report.Held {
				line += " held"
			}
			if strings.HasPrefix(report.Output, "held as critical until 2000-01-01T00:") && strings.HasSuffix(report.Output, "; it is passing: scripted") {
				line += " damped"
			}
			got = append(got, line)
		})
		time.Sleep(12 * 10 * time.Second)
		synctest.Wait()
		want := []string{
			"passing", "critical held", "critical", // fell
			"passing", "critical held", "critical", // fell again
			"passing", "critical held",
			"passing", "critical held", "critical", // and again
			"critical damped",
		}
		if !slices.Equal(got[:len(want)], want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func TestTTL(t *testing.T) {
	running(t, func(t *testing.T, r *Runner) {
		var got reports
		task := r.Start(Definition{TTL: 10 * time.Second}, got.add)
		for range 5 {
			time.Sleep(9 * time.Second)
			if _, isTTL := task.Beat("alive"); !isTTL {
				t.Fatal("a TTL check did not take a beat")
			}
		}
		synctest.Wait()
		if count, _ := got.last(); count != 0 || task.Lapsed() {
			t.Fatalf("got %d reports while it was renewed, want none", count)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		count, result := got.last()
		if count != 1 || result.Status != state.Critical ||
			result.Output != "TTL expired (last output before timeout follows): alive" {
			t.Errorf("got %d reports, the last %+v, want one that it expired", count, result)
		}
		if !task.Lapsed() {
			t.Error("an expired TTL has not lapsed")
		}
		task.Beat("")
		time.Sleep(9 * time.Second)
		synctest.Wait()
		if count, _ := got.last(); count != 1 {
			t.Errorf("a TTL that came back expired again within its time")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if count, result := got.last(); count != 2 || result.Output != "TTL expired" {
			t.Errorf("got %d reports, the last %+v, want a second expiry", count, result)
		}
	})
}

func TestBeatKeepsBoundedOutput(t *testing.T) {
	r := NewRunner(nil)
	task := r.Start(Definition{TTL: time.Hour, OutputMaxSize: 4}, func(Report) {})
	kept, _ := task.Beat("123456")
	if want := "1234 ... (captured 4 of 6 bytes)"; kept != want {
		t.Errorf("got %q, want %q", kept, want)
	}
}
