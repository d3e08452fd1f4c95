package main

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/test/table"
)

func TestConnectionReadsAnswerAfterAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Index", "42")
		switch r.URL.Path {
		case "/chunked": // more than net/http buffers, without a length
			for range 100 {
				_, _ = w.Write(make([]byte, 1000))
			}
		case "/missing":
			http.Error(w, "no such service", http.StatusNotFound)
		case "/empty":
		default:
			_, _ = w.Write([]byte("[]"))
		}
	}))
	defer server.Close()
	conn, err := connect(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/", "/chunked", "/empty", "/chunked", "/"} {
		if got, err := conn.do(get(path)); err != nil || got.status != 200 || got.index != 42 {
			t.Errorf("GET %s = %+v, %v; want status 200 and index 42", path, got, err)
		}
	}
	if _, err := conn.do(get("/missing")); err == nil || !strings.Contains(err.Error(), "GET /missing: status 404") {
		t.Errorf("GET /missing gave %v, want an error with the status", err)
	}
	if _, err := conn.do(put("/", []byte("{}"))); err != nil {
		t.Errorf("PUT after an error status: %v", err)
	}
}

func TestCompareSaysHowMuchBetter(t *testing.T) {
	for _, test := range []struct {
		more          bool
		muster, other float64
		want          string
	}{
		{more: false, muster: 20, other: 500, want: "25.0 ×"},
		{more: false, muster: 20, other: 10, want: "0.50 ×"},
		{more: true, muster: 20_000, other: 800, want: "25.0 ×"},
		{more: true, muster: 20_000, other: 80_000, want: "0.25 ×"},
		{more: false, muster: 0, other: 80_000, want: table.None},
		{more: false, muster: 0, other: 0, want: table.None},
		{more: false, muster: 1, other: math.NaN(), want: table.None},
	} {
		if got := (figure{more: test.more}).compare(test.muster, test.other); got != test.want {
			t.Errorf("compare(%v, %v) with more=%t = %q, want %q", test.muster, test.other, test.more, got, test.want)
		}
	}
}

func TestNotesAreGivenOnceForWhatIsAlike(t *testing.T) {
	rows := []row{
		{figure: figure{name: "start", exact: "once"}},
		{figure: figure{name: "one", exact: "over 2s"}}, {figure: figure{name: "two", exact: "over 2s"}}, {figure: figure{name: "three", exact: "over 2s"}},
		{figure: figure{name: "end", exact: "once"}},
	}
	if got, want := notes(rows), "- *start*: once.\n- *one* to *three*: over 2s.\n- *end*: once.\n"; got != want {
		t.Errorf("notes() = %q, want %q", got, want)
	}
}

func TestSlopeIsTheExponentOfGrowth(t *testing.T) {
	for _, test := range []struct {
		name string
		y    []float64
		want float64
	}{
		{"flat", []float64{5, 5, 5}, 0},
		{"linear", []float64{1, 2, 3}, 1},
		{"falling", []float64{3, 2, 1}, -1},
	} {
		if got := slope([]float64{1, 2, 3}, test.y); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("%s: slope = %v, want %v", test.name, got, test.want)
		}
	}
}

func TestWhoIsTakenWhen(t *testing.T) {
	for _, test := range []struct {
		who       who
		contender string
		round     int
		want      bool
	}{
		{everybody, consulName, 2, true},
		{consulOnce, consulName, 0, true},
		{consulOnce, consulName, 1, false},
		{consulOnce, minimalName, 1, true},
		{musterAlone, musterName, 1, true},
		{musterAlone, minimalName, 0, false},
		{registriesOnly, musterName, 1, true},
		{registriesOnly, consulName, 0, true},
		{registriesOnly, consulName, 1, false},
		{registriesOnly, minimalName, 0, false},
	} {
		if got := test.who.takes(test.contender, test.round); got != test.want {
			t.Errorf("%d.takes(%s, %d) = %t, want %t", test.who, test.contender, test.round, got, test.want)
		}
	}
}

func TestPace(t *testing.T) {
	begin := time.Now()
	at := func(seconds ...float64) (times []time.Time) {
		for _, s := range seconds {
			times = append(times, begin.Add(time.Duration(s*float64(time.Second))))
		}
		return times
	}
	got := paceOf([][]time.Time{
		at(0.25, 10.25, 20.25), // to the instant
		at(0.26, 10.36, 20.46), // drifts
		at(5, 25),              // missed one
		nil,                    // was never looked at
	}, begin, begin.Add(30*time.Second), 10*time.Second)
	want := pace{half: 100 * time.Millisecond, worst: 10 * time.Second, busiest: 2, missed: 1 + 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTargetNotesWhoLooks(t *testing.T) {
	began := time.Now()
	target, err := openTarget(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, number := range []uint64{0, 17, 17} {
		response, err := client.Get(target.url(number))
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v, %v", target.url(number), response, err)
		}
		_ = response.Body.Close()
	}
	if err := target.close(); err != nil {
		t.Error(err)
	}
	looks := target.since(began)
	if len(looks[0]) != 1 || len(looks[17]) != 2 || len(looks[1]) != 0 || looks[17][1].Before(looks[17][0]) {
		t.Errorf("got the looks %v", looks)
	}
	if later := target.since(time.Now()); len(later[17]) != 0 {
		t.Errorf("got looks from now on: %v", later[17])
	}
}
