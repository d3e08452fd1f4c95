package api

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// absent is a body that never comes.
type absent struct{ read int }

func (a *absent) Read([]byte) (int, error) {
	a.read++
	return 0, errors.New("nobody sends it")
}

// TestBodiesThatSayTheyAreTooLarge are not waited for.
func TestBodiesThatSayTheyAreTooLarge(t *testing.T) {
	d := open(t, Config{})
	for _, tc := range []struct {
		path   string
		length int64
		want   int
	}{
		{"/v1/kv/a", 99_999_999_999, http.StatusRequestEntityTooLarge},
		{"/v1/kv/a", maxBody + 1, http.StatusRequestEntityTooLarge},
		{"/v1/txn", 99_999_999_999, http.StatusRequestEntityTooLarge},
		{"/v1/catalog/register", 99_999_999_999, http.StatusRequestEntityTooLarge},
		{"/v1/agent/service/register", maxBody + 1, http.StatusRequestEntityTooLarge},
		{"/v1/event/fire/a", 99_999_999_999, http.StatusInternalServerError}, // as from Consul
		{"/v1/agent/check/pass/none", 99_999_999_999, http.StatusNotFound},   // nobody looks at it
	} {
		body := &absent{}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, tc.path, io.NopCloser(body))
		r.ContentLength = tc.length
		got := httptest.NewRecorder()
		d.api.ServeHTTP(got, r)
		if got.Code != tc.want || body.read > 0 {
			t.Errorf("%s of %d bytes: got %d %s, and read %d times", tc.path, tc.length, got.Code, got.Body, body.read)
		}
	}
	if left := d.api.room.left.Load(); left != roomForBodies {
		t.Errorf("%d bytes of room are left", left)
	}
}
