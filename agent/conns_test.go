package agent

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener that accepts what it is given.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (p pipes) Close() error   { return nil }
func (p pipes) Addr() net.Addr { return nil }

// connect returns both ends of a connection that l accepts.
func connect(t *testing.T, to pipes, l net.Listener) (inside, outside net.Conn) {
	t.Helper()
	here, there := net.Pipe()
	go func() { to <- here }() // ends with Accept, below
	inside, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return inside, there
}

// TestSlowReaders: a write waits for who reads slowly, and not for who reads
// nothing; and however long nothing is written, the next write has all its time.
func TestSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := make(pipes)
		conn, reader := connect(t, from, counted{from, &crowd{}})
		defer conn.Close()
		message := []byte(strings.Repeat("x", 3*writePiece+1))

		got := make(chan int, 1)
		go func() { // ends with the message; awaited below
			read := 0
			for buffer := make([]byte, writePiece); read < len(message); {
				time.Sleep(writeTime / 3)
				n, err := reader.Read(buffer)
				if err != nil {
					t.Error(err)
				}
				read += n
			}
			got <- read
		}()
		if n, err := conn.Write(message); n != len(message) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
		<-got
		time.Sleep(time.Hour)
		go func() { // as above
			time.Sleep(writeTime / 2)
			n, err := reader.Read(make([]byte, writePiece))
			if err != nil {
				t.Error(err)
			}
			got <- n
		}()
		if n, err := conn.Write(message[:10]); n != 10 || err != nil {
			t.Fatalf("after an hour: wrote %d, %v", n, err)
		}
		<-got

		began := time.Now()
		if _, err := conn.Write(message); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("nobody reads: %v, want a deadline", err)
		}
		if took := time.Since(began); took > writeTime || took < writeTime/2 {
			t.Errorf("nobody reads: gave up after %s", took)
		}
	})
}

// TestCrowd: one connection more than there may be is closed, until another is.
func TestCrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		from := make(pipes)
		c := &crowd{most: 2, logger: slog.New(slog.NewTextHandler(&log, nil))}
		l := counted{from, c}
		first, _ := connect(t, from, l)
		connect(t, from, l)
		accepted := make(chan error, 1)
		go func() { // ends with the last connection; awaited below
			_, err := l.Accept()
			accepted <- err
		}()
		for range 3 {
			here, outside := net.Pipe()
			from <- here
			if _, err := outside.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("one too many: %v, want it closed", err)
			}
		}
		if warnings := strings.Count(log.String(), "level=WARN"); warnings != 1 {
			t.Errorf("warned %d times", warnings)
		}
		_, _ = first.Close(), first.Close() // counts once
		here, _ := net.Pipe()
		from <- here
		if err := <-accepted; err != nil || c.open.Load() != 2 {
			t.Errorf("%v, and %d are open, want 2", err, c.open.Load())
		}
	})
}
