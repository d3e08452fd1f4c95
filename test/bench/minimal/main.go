// Command minimal is the least that a registry could do on Go's net/http: it
// accepts registrations and forgets them, answers questions over HTTP and DNS
// with bytes that it was given, wakes blocked readers when anything is registered,
// keeps keys in a map, and if it is told to keeps what it was sent in a file. The benchmark runs it to show what the machine and the standard
// library allow.
package main

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/miekg/dns"
)

func main() {
	address := flag.String("address", "127.0.0.1:8500", "where to listen")
	dnsAddress := flag.String("dns", "127.0.0.1:8600", "where to listen for DNS over UDP")
	answers := flag.String("answers", ".", "a folder; a file that is named like an escaped path or like a question of DNS is the answer to it")
	kept := flag.String("log", "", "a file to keep registrations in; none by default")
	flag.Parse()
	if err := run(*address, *dnsAddress, *answers, *kept); err != nil {
		fmt.Fprintln(os.Stderr, "minimal:", err)
		os.Exit(1)
	}
}

func run(address, dnsAddress, answers, kept string) error {
	files, err := filepath.Glob(filepath.Join(answers, "%2F*"))
	if err != nil {
		return err
	}
	s := &server{bodies: map[string][]byte{}, index: 1, changed: make(chan struct{})}
	for _, file := range files {
		path, err := url.PathUnescape(filepath.Base(file))
		if err != nil {
			return err
		}
		if s.bodies[path], err = os.ReadFile(file); err != nil {
			return err
		}
	}
	if kept != "" {
		file, err := os.Create(kept)
		if err != nil {
			return err
		}
		s.log = &log{file: file} // open until the process ends
	}
	k := &keys{entries: map[string]entry{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status/leader", text(`"minimal"`))
	mux.HandleFunc("GET /v1/catalog/nodes", text(`["minimal"]`))
	mux.HandleFunc("PUT /v1/agent/", s.change)
	mux.HandleFunc("GET /v1/", s.read)
	mux.HandleFunc("PUT /v1/kv/{key...}", k.put)
	mux.HandleFunc("GET /v1/kv/{key...}", k.get)
	z, err := readZone(answers)
	if err != nil {
		return err
	}
	failed := make(chan error, 2) // each ends with the process
	go func() { failed <- dns.ListenAndServe(dnsAddress, "udp", z) }()
	go func() { failed <- http.ListenAndServe(address, mux) }()
	return <-failed
}

// text answers with the same few bytes.
func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

// answer sends a body with its index. A reader that is gone needs no answer.
func answer(w http.ResponseWriter, index uint64, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Consul-Index", strconv.FormatUint(index, 10))
	_, _ = w.Write(body)
}

type server struct {
	bodies map[string][]byte // by path
	log    *log              // nil for none

	mu      sync.Mutex
	index   uint64
	changed chan struct{} // closed when index grows
}

func (s *server) change(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := s.log.keep(body); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	s.index++
	close(s.changed)
	s.changed = make(chan struct{})
	s.mu.Unlock()
}

func (s *server) read(w http.ResponseWriter, r *http.Request) {
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
	answer(w, index, s.bodies[r.URL.Path])
}
