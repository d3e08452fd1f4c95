package check

import (
	"context"
	"net"
	"sync"
	"testing"
)

// listen returns a listener that is gone when the test ends.
func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// target serves every connection with serve until the test ends, and returns
// its address. A connection is closed when the test ends.
func target(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener; awaited by the cleanup
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			serving.Go(func() { serve(conn) }) // ends with the connection
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		mu.Lock()
		for _, conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return listener.Addr().String()
}

// nobody returns an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	_ = listener.Close()
	return listener.Addr().String()
}

// newRunning returns a runner that runs until the test ends.
func newRunning(t *testing.T) *Runner {
	t.Helper()
	runner := NewRunner(nil)
	ctx, cancel := context.WithCancel(context.Background())
	var loop sync.WaitGroup
	loop.Go(func() { _ = runner.Run(ctx) }) // ends with the test
	t.Cleanup(func() {
		cancel()
		loop.Wait()
	})
	return runner
}

// deadline is a context whose time is up when the test says so.
type deadline struct {
	context.Context
	passed chan struct{}
	pass   func()
}

func newDeadline(t *testing.T) *deadline {
	passed := make(chan struct{})
	d := &deadline{t.Context(), passed, sync.OnceFunc(func() { close(passed) })}
	t.Cleanup(d.pass)
	return d
}

func (d *deadline) Done() <-chan struct{} { return d.passed }

func (d *deadline) Err() error {
	select {
	case <-d.passed:
		return context.DeadlineExceeded
	default:
		return nil
	}
}
