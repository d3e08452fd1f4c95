package agent

import (
	"net/http"
	"sync/atomic"
)

// door stands before all rooms that speak HTTP.
type door struct {
	rooms   http.Handler
	headers atomic.Pointer[http.Header] // that the configuration in force wants with every answer
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, values := range *d.headers.Load() {
		header[name] = values
	}
	d.rooms.ServeHTTP(w, r)
}

func headers(config Config) *http.Header {
	headers := http.Header{}
	for name, value := range config.ResponseHeaders {
		headers.Set(name, value)
	}
	return &headers
}
