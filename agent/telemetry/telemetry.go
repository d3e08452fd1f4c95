// Package telemetry tells how the registry fares: requests and how long they
// took, what is in the catalog, what the process uses. It tells it in the
// names and the JSON of Consul's /v1/agent/metrics, and to Prometheus.
//
// Figures count from the start of the agent; nothing is kept by time, and
// nothing is sent anywhere.
package telemetry

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/common/expfmt"

	"github.com/realjf/muster/agent/state"
)

// Telemetry is one registry's. It is safe for concurrent use.
type Telemetry struct {
	store *state.Store
	node  state.Node
	began time.Time

	mu     sync.Mutex
	series []*Series
}

// New returns the telemetry of the registry that keeps store on node.
func New(store *state.Store, node state.Node) *Telemetry {
	return &Telemetry{store: store, node: node, began: time.Now()}
}

// Series is a set of observations of one thing. It is safe for concurrent use.
type Series struct {
	name   string
	labels map[string]string

	mu                        sync.Mutex
	count                     uint64
	sum, squares, least, most float64
}

// Series returns a new series, for things that are seen again and again.
func (t *Telemetry) Series(name string, labels map[string]string) *Series {
	s := &Series{name: name, labels: labels}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.series = append(t.series, s)
	return s
}

// Took observes a duration; it is told in milliseconds.
func (s *Series) Took(d time.Duration) {
	ms := float64(d) / float64(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 || ms < s.least {
		s.least = ms
	}
	s.most = max(s.most, ms)
	s.count++
	s.sum += ms
	s.squares += ms * ms
}

// Report is what /v1/agent/metrics answers.
type Report struct {
	Timestamp string
	Gauges    []Gauge
	Points    []struct{}
	Counters  []Sample
	Samples   []Sample
}

// Gauge is a value as it is now.
type Gauge struct {
	Name   string
	Value  float64
	Labels map[string]string
}

// Sample sums up a series.
type Sample struct {
	Name                              string
	Count                             uint64
	Rate, Sum, Min, Max, Mean, Stddev float64
	Labels                            map[string]string
}

// Report returns all figures as they are now. What was never seen is left out.
func (t *Telemetry) Report() Report {
	now := time.Now()
	return Report{
		Timestamp: now.UTC().Format("2006-01-02 15:04:05 -0700 MST"),
		Gauges:    t.gauges(), Points: []struct{}{}, Counters: []Sample{}, Samples: t.samples(now),
	}
}

func (t *Telemetry) samples(now time.Time) []Sample {
	t.mu.Lock()
	series := slices.Clone(t.series)
	t.mu.Unlock()
	samples := []Sample{}
	for _, s := range series {
		if sample := s.sample(now.Sub(t.began)); sample.Count > 0 {
			samples = append(samples, sample)
		}
	}
	return samples
}

// sample sums up what was observed in a time.
func (s *Series) sample(in time.Duration) Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	sample := Sample{Name: s.name, Count: s.count, Sum: s.sum, Min: s.least, Max: s.most, Labels: s.labels}
	if s.count > 0 {
		n := float64(s.count)
		sample.Mean = s.sum / n
		sample.Rate = s.sum / in.Seconds()
		sample.Stddev = math.Sqrt(max(0, s.squares/n-sample.Mean*sample.Mean))
	}
	return sample
}

// gauges are told under Consul's names: those of the process with its host.
func (t *Telemetry) gauges() []Gauge {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	process := map[string]float64{
		"alloc_bytes":       float64(memory.Alloc),
		"sys_bytes":         float64(memory.Sys),
		"malloc_count":      float64(memory.Mallocs),
		"free_count":        float64(memory.Frees),
		"heap_objects":      float64(memory.HeapObjects),
		"total_gc_pause_ns": float64(memory.PauseTotalNs),
		"total_gc_runs":     float64(memory.NumGC),
		"num_goroutines":    float64(runtime.NumGoroutine()),
	}
	counts := t.store.Snapshot().Counts()
	known := map[string]int{
		"nodes": counts.Nodes, "services": counts.Services, "service_instances": counts.Instances,
		"checks": counts.Checks, "kv_entries": counts.Keys, "sessions": counts.Sessions,
	}
	gauges := []Gauge{}
	for _, name := range slices.Sorted(maps.Keys(process)) {
		gauges = append(gauges, Gauge{"consul." + t.node.Node + ".runtime." + name, process[name], map[string]string{}})
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		labels := map[string]string{"datacenter": t.node.Datacenter}
		gauges = append(gauges, Gauge{"consul.state." + name, float64(known[name]), labels})
	}
	return gauges
}

// Prometheus returns all figures in Prometheus' text format.
func (t *Telemetry) Prometheus() ([]byte, error) {
	registry := prometheus.NewRegistry()
	for _, collector := range []prometheus.Collector{
		figures{t}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("gather metrics: %w", err)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather metrics: %w", err)
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return nil, fmt.Errorf("write metrics: %w", err)
		}
	}
	return text.Bytes(), nil
}

// figures is a Telemetry as a Prometheus collector.
type figures struct{ *Telemetry }

// Describe implements prometheus.Collector: what there is shows at gathering.
func (figures) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (f figures) Collect(out chan<- prometheus.Metric) {
	report := f.Report()
	for _, gauge := range report.Gauges {
		name := strings.Replace(gauge.Name, "."+f.node.Node+".", ".", 1)
		out <- prometheus.MustNewConstMetric(description(name, gauge.Labels), prometheus.GaugeValue, gauge.Value, values(gauge.Labels)...)
	}
	for _, sample := range report.Samples {
		out <- prometheus.MustNewConstSummary(description(sample.Name, sample.Labels), sample.Count, sample.Sum, nil, values(sample.Labels)...)
	}
}

// description names a metric as Prometheus wants it.
func description(name string, labels map[string]string) *prometheus.Desc {
	return prometheus.NewDesc(strings.ReplaceAll(name, ".", "_"), name, slices.Sorted(maps.Keys(labels)), nil)
}

// values are those of the labels, sorted by their names.
func values(labels map[string]string) []string {
	var sorted []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		sorted = append(sorted, labels[name])
	}
	return sorted
}
