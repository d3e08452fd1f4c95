// Command minimal is the least that a registry could do on Go's net/http: it
// accepts registrations and forgets them, answers health queries with bytes
// that it was given, and wakes blocked readers when anything is registered.
// The benchmark runs it to show what the machine and the standard library
// allow.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

func main() {
	address := flag.String("address", "127.0.0.1:8500", "where to listen")
	answers := flag.String("answers", ".", "a folder; SERVICE.json is the answer for SERVICE")
	flag.Parse()
	if err := run(*address, *answers); err != nil {
		log.Fatal(err)
	}
}

func run(address, answers string) error {
	files, err := filepath.Glob(filepath.Join(answers, "*.json"))
	if err != nil {
		return err
	}
	bodies := map[string][]byte{}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := filepath.Base(file)
		bodies[name[:len(name)-len(".json")]] = body
	}
	s := &server{bodies: bodies, index: 1, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status/leader", text(`"minimal"`))
	mux.HandleFunc("GET /v1/catalog/nodes", text(`["minimal"]`))
	mux.HandleFunc("PUT /v1/agent/service/register", s.register)
	mux.HandleFunc("GET /v1/health/service/{name}", s.health)
	return http.ListenAndServe(address, mux)
}

// text answers with the same few bytes.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

type server struct {
	bodies map[string][]byte

	mu      sync.Mutex
	index   uint64
	changed chan struct{} // closed when index grows
}

func (s *server) register(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.index++
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
}

func (s *server) health(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseUint(r.URL.Query().Get("index"), 10, 64) // none is 0
	s.mu.Lock()
	index, changed := s.index, s.changed
	s.mu.Unlock()
	if after >= index {
		select {
		case <-changed:
			index++
		case <-r.Context().Done():
			return
		}
	}
	body := s.bodies[r.PathValue("name")]
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Consul-Index", strconv.FormatUint(index, 10))
	_, _ = w.Write(body) // a reader that is gone needs no answer
}
