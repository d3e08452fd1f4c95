package announce_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover/announce"
)

// diary notes how an announcement stands.
type diary struct {
	mu     sync.Mutex
	now    []announce.Standing
	causes []error
}

func (d *diary) note(_, now announce.Standing, cause error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now, d.causes = append(d.now, now), append(d.causes, cause)
}

// take returns what was noted since the last call.
func (d *diary) take() ([]announce.Standing, []error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, causes := d.now, d.causes
	d.now, d.causes = nil, nil
	return now, causes
}

func (d *diary) expect(t *testing.T, want ...announce.Standing) []error {
	t.Helper()
	got, causes := d.take()
	if !slices.Equal(got, want) {
		t.Errorf("it stood %v, want %v", got, want)
	}
	return causes
}

func TestStandings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		var book diary
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{OnStanding: book.note})
		if r.Standing() != announce.Withdrawn {
			t.Errorf("at first it stands %s", r.Standing())
		}
		if err := r.Announce(t.Context()); err != nil {
			t.Fatal(err)
		}
		book.expect(t, announce.Registering, announce.Registered)

		synctest.Wait()
		reg.wipe(nil)
		time.Sleep(2 * time.Second)
		causes := book.expect(t, announce.Lost, announce.Healing, announce.Registered)
		if len(causes) == 3 && (!errors.Is(causes[0], announce.ErrNotRegistered) || causes[2] != nil) {
			t.Errorf("because of %v, want ErrNotRegistered and then nothing", causes)
		}

		// Out of reach is not lost, and is told all the same.
		reg.fail(errDown)
		time.Sleep(2 * time.Minute)
		book.expect(t)
		if d := r.Detail(); d.Standing != announce.Registered || !strings.Contains(d.Trouble, errDown.Error()) || d.Healed != 1 {
			t.Errorf("out of reach: got %+v", d)
		}
		reg.fail(nil)
		time.Sleep(2 * time.Second)
		if d := r.Detail(); d.Trouble != "" {
			t.Errorf("back in reach: got %+v", d)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		reg.fail(errDown)
		if err := r.Withdraw(ctx); err == nil {
			t.Error("withdrawn from a registry that is down")
		}
		book.expect(t, announce.Leaving)
		reg.fail(nil)
		if err := r.Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		book.expect(t, announce.Withdrawn)
		text, err := json.Marshal(r.Detail())
		if err != nil || !strings.Contains(string(text), `"id":"web-1","service":"web","standing":"withdrawn"`) || strings.Contains(string(text), "trouble") {
			t.Errorf("got %s, error %v", text, err)
		}
	})
}

func TestStandingOfAFailedAnnouncement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := newShelf()
		reg.fail(errDown)
		var book diary
		r := announce.NewRegistrar(reg, web1, announce.RegistrarConfig{OnStanding: book.note})
		if err := r.Announce(t.Context()); err == nil {
			t.Fatal("announced to a registry that is down")
		}
		if causes := book.expect(t, announce.Registering, announce.Withdrawn); len(causes) == 2 && !errors.Is(causes[1], errDown) {
			t.Errorf("because of %v, want the registry's error", causes)
		}
	})
}
