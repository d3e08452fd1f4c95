package announce_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// at returns a registration of the id "web-1" elsewhere.
func at(address string, port int) announce.Registration {
	return announce.Registration{ID: "web-1", Service: "web", Address: address, Port: port, Check: announce.HealthCheck{TCP: "h:1"}}
}

func TestIDThatIsTaken(t *testing.T) {
	portless := announce.Registration{ID: "web-1", Service: "web"}
	tests := []struct {
		name        string
		first, next announce.Registration
		listens     bool // whether the first one's port takes connections
		judged      discover.Status
		killed      bool // whether the first one's heartbeats end
		taken       bool
		atMost      time.Duration
	}{
		{"lives", at("10.0.0.1", 80), at("10.0.0.2", 80), true, discover.Passing, false, true, 0},
		{"lives with a warning", at("10.0.0.1", 80), at("10.0.0.2", 80), true, discover.Warning, false, true, 0},
		{"lives in maintenance", at("10.0.0.1", 80), at("10.0.0.2", 80), true, discover.Maintenance, false, true, 0},
		{"crashed, and its check has not looked", at("10.0.0.1", 80), at("10.0.0.1", 81), false, discover.Passing, false, false, 0},
		{"found dead", at("10.0.0.1", 80), at("10.0.0.1", 81), true, discover.Critical, false, false, 0},
		{"same port, so it is ours", at("10.0.0.1", 80), at("10.0.0.1", 80), true, discover.Passing, false, false, 0},
		{"no port, lives", portless, portless, false, "", false, true, 17 * time.Second},
		{"no port, killed", portless, portless, false, "", true, false, 16 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := newLedger()
				var lan network
				lan.set("10.0.0.1:80", test.listens)
				first := announce.NewRegistrar(reg, test.first, announce.RegistrarConfig{})
				if err := first.Announce(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if test.judged != "" {
					reg.judge("web-1", test.judged, "text")
				}
				if test.killed { // as far as the registry can see
					if err := first.Withdraw(t.Context()); err != nil {
						t.Fatal(err)
					}
					if err := reg.Register(t.Context(), ghost(test.first)); err != nil {
						t.Fatal(err)
					}
				}
				owner := reg.owner("web-1")

				start := time.Now()
				next := announce.NewRegistrar(reg, test.next, announce.RegistrarConfig{Dial: lan.dial})
				err := next.Announce(t.Context())
				if took := time.Since(start); took > test.atMost {
					t.Errorf("it took %s, want at most %s", took, test.atMost)
				}
				if test.taken != errors.Is(err, announce.ErrTaken) || !test.taken && err != nil {
					t.Fatalf("got error %v, want ErrTaken: %v", err, test.taken)
				}
				if changed := reg.owner("web-1") != owner; changed == test.taken {
					t.Errorf("it has another owner: %v, want %v", changed, !test.taken)
				}
				if status := reg.judged("web-1"); !test.taken && status != discover.Passing {
					t.Errorf("it starts as %s, want passing", status)
				}
				var taken *announce.TakenError
				if test.taken && (!errors.As(err, &taken) || taken.Node != "here" || taken.Since.IsZero() || !strings.Contains(err.Error(), "on node here")) {
					t.Errorf("the error does not say who: %v", err)
				}

				// Who was refused takes nothing away.
				if err := next.Withdraw(t.Context()); err != nil {
					t.Error(err)
				}
				if there := reg.hash("web-1") != ""; there != test.taken {
					t.Errorf("after the second one withdrew, the id is registered: %v", there)
				}
				if err := first.Withdraw(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// ghost is what a process that was killed left behind.
func ghost(r announce.Registration) announce.Registration {
	r.Meta = map[string]string{ownerKey: "2026-01-02T03:04:05Z/ghost"}
	r.Check = announce.HealthCheck{TTL: 15 * time.Second}
	return r
}

// What somebody registered with another tool is put right as ever.
func TestIDThatNobodyOwns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		if err := reg.Register(t.Context(), at("10.0.0.1", 80)); err != nil {
			t.Fatal(err)
		}
		var lan network
		lan.set("10.0.0.1:80", true)
		r := announce.NewRegistrar(reg, at("10.0.0.2", 80), announce.RegistrarConfig{Dial: lan.dial})
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// Two processes that found the id free at the same moment: a few rounds, then
// one stands down, says so, and comes back when the other is gone.
func TestRivalsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		var lan network // nobody could connect when they began
		var books [2]diary
		var rivals [2]*announce.Registrar
		for i, port := range []int{80, 81} {
			rivals[i] = announce.NewRegistrar(reg, at("10.0.0.1", port), announce.RegistrarConfig{Dial: lan.dial, OnStanding: books[i].note})
			if err := rivals[i].Announce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		lan.set("10.0.0.1:80", true)
		lan.set("10.0.0.1:81", true)
		time.Sleep(time.Minute)
		calls := len(reg.calls())
		time.Sleep(time.Hour)
		if n := len(reg.calls()); n != calls || n > 9 {
			t.Errorf("registered %d times in the first minute and %d in the hour after it, want a few and none", calls, n-calls)
		}
		up, down := 0, 1
		if rivals[0].Standing() != announce.Registered {
			up, down = 1, 0
		}
		if rivals[up].Standing() != announce.Registered || rivals[down].Standing() != announce.Lost {
			t.Fatalf("they stand %s and %s, want one registered and one lost", rivals[up].Standing(), rivals[down].Standing())
		}
		if _, causes := books[down].take(); !errors.Is(causes[len(causes)-1], announce.ErrTaken) && !strings.Contains(rivals[down].Detail().Trouble, "taken") {
			t.Errorf("it stood down because of %v, %q; want ErrTaken", causes, rivals[down].Detail().Trouble)
		}
		if err := rivals[up].Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Second)
		if rivals[down].Standing() != announce.Registered {
			t.Errorf("it stands %s after the other left, want registered", rivals[down].Standing())
		}
		if err := rivals[down].Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// The one that stands down does not wait for ever for one that died.
func TestRivalDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newLedger()
		var lan network
		var rivals [2]*announce.Registrar
		for i, port := range []int{80, 81} {
			rivals[i] = announce.NewRegistrar(reg, at("10.0.0.1", port), announce.RegistrarConfig{Dial: lan.dial})
			if err := rivals[i].Announce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		lan.set("10.0.0.1:80", true)
		lan.set("10.0.0.1:81", true)
		time.Sleep(time.Hour)
		up, down := rivals[0], rivals[1]
		if up.Standing() != announce.Registered {
			up, down = down, up
		}
		left := reg.kept("web-1")
		if err := up.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		// Its process was killed: what it announced is there, as it was.
		if err := reg.Register(t.Context(), left); err != nil {
			t.Fatal(err)
		}
		reg.judge("web-1", discover.Critical, "connection refused")
		time.Sleep(15 * time.Second)
		if down.Standing() != announce.Registered {
			t.Errorf("it stands %s, trouble %q; want the place of the dead", down.Standing(), down.Detail().Trouble)
		}
		if err := down.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}
