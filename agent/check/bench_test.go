package check

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
)

// BenchmarkHTTPProbe is one look over HTTP, with the server's half.
func BenchmarkHTTPProbe(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	p := newHTTP(NewRunner(nil), Definition{HTTP: server.URL, OutputMaxSize: DefaultOutputSize})
	b.ReportAllocs()
	for b.Loop() {
		if got := p.probe(b.Context()); got.Status != "passing" {
			b.Fatal(got)
		}
	}
}

// BenchmarkChecksAtRest is how much memory a check over HTTP takes that waits.
func BenchmarkChecksAtRest(b *testing.B) {
	r := NewRunner(nil)
	const checks = 10_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		tasks := make([]*Task, checks)
		for n := range tasks {
			tasks[n] = r.Start(Definition{HTTP: "http://127.0.0.1:1/", Interval: time.Hour}, func(Report) {})
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/checks, "B/check")
		for _, t := range tasks {
			t.Stop()
		}
	}
}
