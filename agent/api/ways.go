package api

import (
	"net/http"
	"sync"
)

// ways finds the pattern of a path, for every API of the process: all have the
// same patterns, and to have them for each would be half of what an idle
// registry holds, and of what its start takes.
var ways struct {
	once sync.Once
	mux  *http.ServeMux
}

// pages are the paths that may be served beside the API.
var pages = []string{"/{$}", "/ui", "/ui/"}

// waysTo returns the ways to rooms, which have their patterns for keys.
func waysTo(rooms map[string]http.Handler) *http.ServeMux {
	ways.once.Do(func() {
		ways.mux = http.NewServeMux()
		for pattern := range rooms {
			ways.mux.HandleFunc(pattern, enter)
		}
	})
	return ways.mux
}

// visit is an answer on its way to the room of an API.
type visit struct {
	http.ResponseWriter
	rooms map[string]http.Handler
}

// enter leads a visit to its room.
func enter(w http.ResponseWriter, r *http.Request) {
	v := w.(*visit)
	v.rooms[r.Pattern].ServeHTTP(v.ResponseWriter, r)
}
