package announce_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// remote is a ledger whose agent is on another machine.
type remote struct{ *ledger }

func (remote) AgentAddress(context.Context) (netip.Addr, error) {
	return netip.MustParseAddr("172.17.0.1"), nil
}

func (remote) Route(context.Context) (netip.Addr, error) {
	return netip.MustParseAddr("172.17.0.9"), nil
}

const refused = `Get "http://127.0.0.1:80/health": dial tcp 127.0.0.1:80: connect: connection refused`

func TestVerdict(t *testing.T) {
	type finding struct {
		after  time.Duration
		status discover.Status
		text   string
	}
	tests := []struct {
		name     string
		findings []finding
		listens  bool
		took     time.Duration
		want     []string // parts of the error; none when there is no error
	}{
		{"well at once", []finding{{0, discover.Passing, "HTTP GET http://127.0.0.1:80/health: 200 OK"}}, true, 0, nil},
		{"well with a warning", []finding{{time.Second, discover.Warning, "busy"}}, true, time.Second, nil},
		{"unwell and then well", []finding{{0, discover.Critical, "HTTP GET: 503"}, {3 * time.Second, discover.Passing, ""}}, true, 3 * time.Second, nil},
		{"unwell all the time", []finding{{0, discover.Critical, "HTTP GET http://127.0.0.1:80/health: 503 Service Unavailable Output: dial tcp db:1: connection refused"}}, true, 10 * time.Second,
			[]string{"503", "172.17.0.1", "node here"}},
		{"nobody looked", nil, true, 10 * time.Second, nil},
		{"refused, listening on loopback", []finding{{time.Second, discover.Critical, refused}}, true, time.Second, []string{"agent at 172.17.0.1", "connection refused", "its own machine"}},
		{"refused, and nobody listens", []finding{{time.Second, discover.Critical, refused}}, false, time.Second, []string{"cannot connect to 127.0.0.1:80 either"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := remote{newLedger()}
				var lan network
				lan.set("127.0.0.1:80", test.listens)
				r := announce.NewRegistrar(reg, announce.Registration{
					ID: "web-1", Service: "web", Address: "127.0.0.1", Port: 80, Check: announce.HealthCheck{HTTP: "http://127.0.0.1/health"},
				}, announce.RegistrarConfig{Verdict: 10 * time.Second, Dial: lan.dial})
				for _, f := range test.findings {
					time.AfterFunc(f.after+time.Millisecond, func() { reg.judge("web-1", f.status, f.text) })
				}
				start := time.Now()
				err := r.Announce(t.Context())
				if s := reg.kept("web-1").Check.Status; s != discover.Critical {
					t.Errorf("before a check looked it counted as %q, want critical", s)
				}
				if took := time.Since(start); took < test.took || took > test.took+500*time.Millisecond {
					t.Errorf("it took %s, want about %s", took, test.took)
				}
				if (err != nil) != (test.want != nil) || err != nil && !errors.Is(err, announce.ErrUnwell) {
					t.Errorf("got error %v", err)
				}
				for _, part := range test.want {
					if err != nil && !strings.Contains(err.Error(), part) {
						t.Errorf("got error %v, want it to say %q", err, part)
					}
				}
				if there := reg.hash("web-1") != ""; there != (err == nil) {
					t.Errorf("it is registered: %v, with error %v", there, err)
				}
				if want := map[bool]announce.Standing{true: announce.Registered, false: announce.Withdrawn}[err == nil]; r.Standing() != want {
					t.Errorf("it stands %s, want %s", r.Standing(), want)
				}
				if err := r.Withdraw(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A registration that is put back counts as passing at once, verdict or not.
func TestVerdictIsForTheFirstTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		r := announce.NewRegistrar(reg, at("10.0.0.1", 80), announce.RegistrarConfig{Verdict: time.Minute})
		time.AfterFunc(time.Second, func() { reg.judge("web-1", discover.Passing, "") })
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		reg.wipe(nil)
		time.Sleep(2 * time.Second)
		if held := reg.kept("web-1"); reg.hash("web-1") == "" || held.Check.Status == discover.Critical {
			t.Errorf("put back with %+v", held.Check)
		}
		if err := r.Withdraw(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What was found of the process that had the id before says nothing of this one:
// neither what the registry holds, nor a result that was still under way.
func TestVerdictIsOfThisProcess(t *testing.T) {
	for _, status := range []discover.Status{discover.Critical, discover.Passing} {
		synctest.Test(t, func(t *testing.T) {
			reg := newLedger()
			if err := reg.Register(t.Context(), ghost(at("10.0.0.1", 79))); err != nil {
				t.Fatal(err)
			}
			reg.judge("web-1", status, "dial tcp 10.0.0.1:79: connect: connection refused")
			next := at("10.0.0.1", 80)
			next.Check.TCP = "10.0.0.1:80"
			var lan network
			r := announce.NewRegistrar(reg, next, announce.RegistrarConfig{Verdict: time.Minute, Dial: lan.dial})
			time.AfterFunc(time.Second, func() {
				reg.judge("web-1", discover.Critical, "dial tcp 10.0.0.1:79: connect: connection refused")
			})
			time.AfterFunc(3*time.Second, func() { reg.judge("web-1", discover.Passing, "") })
			start := time.Now()
			if err := r.Announce(t.Context()); err != nil || time.Since(start) < 3*time.Second {
				t.Errorf("left behind %s: got error %v after %s, want none after 3 s", status, err, time.Since(start))
			}
			if err := r.Withdraw(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestVerdictOfAHealthFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		r := announce.NewRegistrar(reg, job, announce.RegistrarConfig{
			Verdict: 20 * time.Second,
			Health:  func(context.Context) error { return errors.New("no database: dial tcp 10.0.0.3:1: connection refused") },
		})
		err := r.Announce(t.Context())
		if !errors.Is(err, announce.ErrUnwell) || !strings.Contains(err.Error(), "no database") || reg.hash(job.ID) != "" {
			t.Errorf("got error %v, registered %q", err, reg.hash(job.ID))
		}
	})
}

func TestVerdictEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		r := announce.NewRegistrar(reg, at("10.0.0.1", 80), announce.RegistrarConfig{Verdict: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Announce(ctx); !errors.Is(err, context.DeadlineExceeded) || reg.hash("web-1") != "" {
			t.Errorf("got error %v, registered %q; want the context's and nothing", err, reg.hash("web-1"))
		}
	})
}
