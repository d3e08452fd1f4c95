package discover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/logbook"
)

// parted is a source that fails for some services and not for others.
type parted struct {
	mu   sync.Mutex
	fail map[string]error
}

func (p *parted) set(err error, services ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, service := range services {
		p.fail[service] = err
	}
}

func (p *parted) Next(ctx context.Context, q discover.Query, after uint64) (discover.Snapshot, error) {
	p.mu.Lock()
	err := p.fail[q.Service]
	p.mu.Unlock()
	if err != nil {
		return discover.Snapshot{}, err
	}
	if after > 0 {
		select {
		case <-ctx.Done():
			return discover.Snapshot{}, ctx.Err()
		case <-time.After(time.Second):
		}
	}
	return discover.Snapshot{Index: 1, Instances: []discover.Instance{{ID: "1"}}}, nil
}

// TestEndOfAnOutage: it is told of, whatever becomes of the last watch without an
// answer.
func TestEndOfAnOutage(t *testing.T) {
	for how, becomes := range map[string]error{"answered": nil, "refused": fmt.Errorf("%w: 403", discover.ErrRefused), "closed for its idleness": errDown} {
		synctest.Test(t, func(t *testing.T) {
			src := &parted{fail: map[string]error{}}
			var log logbook.Book
			c := discover.NewCache(src, discover.CacheConfig{Logger: log.Logger(), Idle: time.Minute})
			defer c.Close()
			keep, err := c.Follow(discover.Query{Service: "a"})
			if err != nil {
				t.Fatal(err)
			}
			defer keep.Close()
			if _, err := c.Get(t.Context(), discover.Query{Service: "b"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			src.set(errDown, "a", "b")
			time.Sleep(5 * time.Second)
			src.set(nil, "a")
			src.set(becomes, "b")
			time.Sleep(5 * time.Minute)
			if text := strings.Join(log.Lines(), "\n"); strings.Count(text, "answers again") != 1 {
				t.Errorf("%s: logged\n%s\nwant once that the registry answers again", how, text)
			}
		})
	}
}

// TestFirstAfterARefusal: once a question is not refused any more, it is waited for
// again.
func TestFirstAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &parted{fail: map[string]error{"web": fmt.Errorf("%w: 403", discover.ErrRefused)}}
		w := discover.Watch(src, web, discover.WatchConfig{})
		defer w.Close()
		if _, err := w.First(t.Context()); !errors.Is(err, discover.ErrRefused) {
			t.Errorf("got error %v, want ErrRefused", err)
		}
		src.set(errDown, "web")
		time.Sleep(5 * time.Second)
		time.AfterFunc(2*time.Second, func() { src.set(nil, "web") })
		if _, err := w.First(t.Context()); err != nil {
			t.Errorf("it is not refused any more, and comes back: got error %v", err)
		}
	})
}
