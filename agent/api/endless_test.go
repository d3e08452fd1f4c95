package api

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

// endless is a body that begins with a text and goes on for ever.
type endless struct {
	begin string
	read  int
}

func (e *endless) Read(p []byte) (int, error) {
	for n := range p {
		p[n] = 'a'
		if e.read < len(e.begin) {
			p[n] = e.begin[e.read]
		}
		e.read++
	}
	return len(p), nil
}

// TestEndlessBodiesAreNotRead gives every endpoint a body without an end, with
// no length and with lengths that are lies (as in CVE-2025-11374 for keys, and
// CVE-2025-11375 for events).
func TestEndlessBodiesAreNotRead(t *testing.T) {
	const most = 2 * maxBody // with what buffers read ahead
	d := open(t, Config{})
	for _, endpoint := range Endpoints() {
		for _, method := range endpoint.Methods {
			if method == http.MethodGet {
				continue
			}
			for _, begin := range []string{"", `"`, `{"Name":"`, `[{"KV":{"Verb":"set","Key":"a","Value":"`, `[[[[`, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00"} {
				for _, length := range []int64{-1, 1 << 20, math.MaxInt64} {
					body := &endless{begin: begin}
					r := httptest.NewRequestWithContext(t.Context(), method, wildcard.ReplaceAllString(endpoint.Path, "a"), body)
					r.ContentLength = length
					ctx, cancel := context.WithCancel(t.Context())
					answer := httptest.NewRecorder()
					d.api.ServeHTTP(answer, r.WithContext(ctx))
					cancel()
					if body.read > most {
						t.Errorf("%s %s read %d bytes of %q... with length %d, and answered %d", method, endpoint.Path, body.read, begin, length, answer.Code)
					}
				}
			}
		}
	}
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)
