package balance

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestEjectionsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var e Ejections
		if got := e.Services(); len(got) != 0 {
			t.Errorf("before any plan: got %v", got)
		}
		s := &scene{NewSet(), time.Now()}
		policy := e.Outlier(OutlierConfig{Out: 5 * time.Second}, Random())
		all := some(4, nil)
		s.plan(policy, all)
		want := func(when string, want Ejected) {
			t.Helper()
			if got := e.Services()["web"]; got != want {
				t.Errorf("%s: got %+v, want %+v", when, got, want)
			}
		}
		fail := func(n int) {
			for range 5 {
				s.Update(all, s.now)[n].Start().Done(errors.New("broken"))
			}
		}
		want("at first", Ejected{})
		fail(0)
		s.plan(policy, all)
		fail(1)
		s.plan(policy, all)
		want("when two failed", Ejected{2, 2})
		other := &scene{NewSet(), time.Now()} // another balancer, of the same service
		otherPolicy := e.Outlier(OutlierConfig{Out: 5 * time.Second}, Random())
		other.plan(otherPolicy, all)
		for range 5 {
			other.Update(all, other.now)[0].Start().Done(errors.New("broken"))
		}
		other.plan(otherPolicy, all)
		want("when one failed another balancer", Ejected{3, 3})
		time.Sleep(6 * time.Second)
		s.now = time.Now()
		s.plan(policy, all)
		want("when their time was up", Ejected{3, 1})
		time.Sleep(10 * time.Second) // the other balancer has ended: it planned no more
		s.now = time.Now()
		s.plan(policy, all)
		want("when the other had ended", Ejected{Total: 3})
	})
}
