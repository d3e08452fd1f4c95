package agent_test

import (
	"bufio"
	"net"
	"net/http"
	"testing"
)

// TestListenersAndFront: an agent serves what its caller listens on, beside its
// own addresses, and behind what the caller puts before it.
func TestListenersAndFront(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := quiet()
	config.HTTPAddr, config.DNSAddr = "127.0.0.1:0", ""
	config.Listeners = []net.Listener{l}
	config.Front = func(rooms http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/mine" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			rooms.ServeHTTP(w, r)
		})
	}
	a := run(t, config)
	if got := a.HTTPAddr().String(); got != l.Addr().String() || len(a.URLs()) != 2 {
		t.Fatalf("it listens on %q first and at %q, want %s first, of two", got, a.URLs(), l.Addr())
	}
	for _, url := range a.URLs() {
		for path, want := range map[string]int{"/mine": http.StatusTeapot, "/v1/status/leader": http.StatusOK} {
			if got := status(t, url, path); got != want {
				t.Errorf("%s%s: got %d, want %d", url, path, got, want)
			}
		}
	}
}

// status returns what a request is answered, over a connection of its own.
func status(t *testing.T, url, path string) int {
	t.Helper()
	conn, err := net.Dial("tcp", url[len("http://"):])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request, err := http.NewRequest(http.MethodGet, url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}
