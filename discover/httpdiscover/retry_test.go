package httpdiscover

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestAgain(t *testing.T) {
	const key = "Idempotency-Key"
	for _, test := range []struct {
		method  string
		header  string
		body    bool
		getBody bool
		// whether it may be sent again after it was not sent, and after it failed
		unsent, ambiguous bool
	}{
		{method: "GET", unsent: true, ambiguous: true},
		{method: "", unsent: true, ambiguous: true},
		{method: "HEAD", unsent: true, ambiguous: true},
		{method: "OPTIONS", unsent: true, ambiguous: true},
		{method: "TRACE", unsent: true, ambiguous: true},
		{method: "DELETE", unsent: true, ambiguous: true},
		{method: "PUT", body: true, getBody: true, unsent: true, ambiguous: true},
		{method: "PUT", body: true, unsent: true},
		{method: "POST", unsent: true},
		{method: "POST", body: true, getBody: true, unsent: true},
		{method: "PATCH", body: true, getBody: true, unsent: true},
		{method: "CONNECT", unsent: true},
		{method: "POST", header: key, body: true, getBody: true, unsent: true, ambiguous: true},
		{method: "POST", header: "X-" + key, body: true, getBody: true, unsent: true, ambiguous: true},
		{method: "POST", header: key, body: true, unsent: true},
		{method: "get", unsent: true}, // methods are case-sensitive
	} {
		r := &http.Request{Method: test.method, Header: http.Header{}}
		if test.header != "" {
			r.Header.Set(test.header, "1")
		}
		if test.body {
			made, err := http.NewRequest("POST", "http://web", strings.NewReader("text"))
			if err != nil {
				t.Fatal(err)
			}
			r.Body = made.Body
			if test.getBody {
				r.GetBody = made.GetBody
			}
		}
		for _, one := range []struct {
			name string
			outcome
			want bool
		}{{"final", final, false}, {"unsent", unsent, test.unsent}, {"ambiguous", ambiguous, test.ambiguous}} {
			if got := one.again(r); got != one.want {
				t.Errorf("%+v: after %s: got %t, want %t", test, one.name, got, one.want)
			}
		}
	}
}

func TestPause(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		header string
		number int
		least  time.Duration
		most   time.Duration
	}{
		{"0", 1, 0, 0},
		{"7", 1, 7 * time.Second, 7 * time.Second},
		{now.Add(3 * time.Second).Format(http.TimeFormat), 1, 3 * time.Second, 3 * time.Second},
		{now.Add(-time.Hour).Format(http.TimeFormat), 1, 0, 0},
		{"", 1, 25 * time.Millisecond, 50 * time.Millisecond},
		{"soon", 3, 100 * time.Millisecond, 200 * time.Millisecond},
		{"-1", 1, 25 * time.Millisecond, 50 * time.Millisecond},
		{"99999999999999999999", 1, 25 * time.Millisecond, 50 * time.Millisecond},
		{"", 1000, time.Second / 2, time.Second},
	} {
		response := &http.Response{Header: http.Header{"Retry-After": {test.header}}}
		if got := pause(test.number, response, now); got < test.least || got > test.most {
			t.Errorf("%q, attempt %d: got %s, want %s to %s", test.header, test.number, got, test.least, test.most)
		}
	}
}
