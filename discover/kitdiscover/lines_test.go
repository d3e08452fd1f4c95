package kitdiscover

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/go-kit/kit/endpoint"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/internal/quiet"
)

// TestLineToWhatHasLeft takes a line to an instance that was chosen a moment
// before it left: it is for one call only.
func TestLineToWhatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := discover.Instance{ID: "1", Service: "web", Address: "10.0.0.1", Port: 80}
		left := discover.Instance{ID: "2", Service: "web", Address: "10.0.0.2", Port: 80}
		watch := discover.Watch(discover.Fixed(here), discover.Query{Service: "web"}, discover.WatchConfig{})
		defer watch.Close()
		if _, err := watch.First(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed := make(chan string, 2)
		l := newLines(watch, func(address string) (endpoint.Endpoint, io.Closer, error) {
			return endpoint.Nop, word{closed, address}, nil
		}, quiet.Logger(nil))
		synctest.Wait() // it has looked who is there, and does so again at a change only
		for _, to := range []*discover.Instance{&here, &left} {
			one, err := l.take(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			l.release(one)
		}
		synctest.Wait()
		if len(closed) != 1 {
			t.Fatalf("%d are closed after the calls, want 1", len(closed))
		}
		l.close()
		if got, want := <-closed, "10.0.0.2:80"; got != want {
			t.Errorf("closed %s, want %s", got, want)
		}
		if got, want := <-closed, "10.0.0.1:80"; got != want {
			t.Errorf("closed %s at the end, want %s", got, want)
		}
	})
}

// word sends a word when it is closed.
type word struct {
	to   chan<- string
	text string
}

func (w word) Close() error {
	w.to <- w.text
	return nil
}
