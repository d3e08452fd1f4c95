package consul

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// between are what may come over a connection after an answer was read, before the
// next question; nothing is the end.
var between = map[string]string{
	"the end":         "",
	"another answer":  "HTTP/1.1 200 OK\r\nX-Consul-Index: 99\r\nContent-Length: 2\r\n\r\n[]",
	"a proxy's limit": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
}

// TestBetweenQuestions: what comes then is no answer to the next one, and no break of
// a question. Another connection is made, without a word.
func TestBetweenQuestions(t *testing.T) {
	for name, extra := range between {
		t.Run("in memory/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				askBetween(t, extra, func() (here, there net.Conn) { return net.Pipe() }, func(<-chan struct{}) { synctest.Wait() })
			})
		})
		t.Run("socket/"+name, func(t *testing.T) {
			listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			askBetween(t, extra, func() (here, there net.Conn) {
				here, err := net.Dial("unix", listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				if there, err = listener.Accept(); err != nil {
					t.Fatal(err)
				}
				return here, there
			}, func(said <-chan struct{}) { <-said })
		})
	}
}

// askBetween asks three times, of which the first connection says something extra
// after the first answer; settle waits until it is said, or waits for a reader.
func askBetween(t *testing.T, extra string, pair func() (here, there net.Conn), settle func(said <-chan struct{})) {
	t.Helper()
	heard, said := make(chan struct{}), make(chan struct{}) // the first answer, and the extra
	made := 0
	talk := lineBy(t, func(context.Context) (net.Conn, error) {
		made++
		here, there := pair()
		first := made == 1
		go func() { // ends when the other side closes
			defer there.Close()
			in := bufio.NewReader(there)
			for {
				if _, err := http.ReadRequest(in); err != nil {
					return
				}
				list := `[{"Node":{"Node":"n"},"Service":{"ID":"1"},"Checks":[]}]`
				_, _ = fmt.Fprintf(there, "HTTP/1.1 200 OK\r\nX-Consul-Index: 5\r\nContent-Length: %d\r\n\r\n%s", len(list), list)
				if first {
					<-heard
					if _, _ = io.WriteString(there, extra); extra == "" {
						_ = there.Close()
					}
					close(said)
					first = false
				}
			}
		}()
		return here, nil
	})
	for n, want := range []int{1, 2, 2} {
		s, err := talk.Next(t.Context(), asked, 4)
		if err != nil || len(s.Instances) != 1 || s.Index != 5 || s.Err != nil || made != want {
			t.Errorf("question %d: got %+v, error %v, on connection %d; want one instance, index 5, on %d", n, s, err, made, want)
		}
		if n == 0 {
			close(heard)
			settle(said)
		}
	}
}

// TestALookIsShort where the system cannot be asked, and changes nothing.
func TestALookIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here, there := net.Pipe()
		defer here.Close()
		defer there.Close()
		began := time.Now()
		if !isQuiet(here) || time.Since(began) != glance {
			t.Errorf("a quiet connection is not, or is looked at for %s", time.Since(began))
		}
		go func() { _, _ = there.Write([]byte("ab")) }() // ends with the connection
		time.Sleep(time.Hour)
		if n, err := here.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("it cannot be read after the look: %d, %v", n, err)
		}
		if isQuiet(here) {
			t.Error("a connection over which something came is quiet")
		}
	})
}
