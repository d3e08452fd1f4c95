// Package telemetry tells how the registry fares: requests and how long they
// took, what is in the catalog, what the process uses. It tells it in the
// names and the JSON of Consul's /v1/agent/metrics, and to Prometheus.
//
// As with Consul, the JSON sums up the last ten seconds that are over, and
// Prometheus is told of all since the start of the agent. Nothing older is
// kept by time, and nothing is sent anywhere.
package telemetry

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
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

// Config has what may be chosen. The zero value works.
type Config struct {
	// Prefix is what all names begin with; "consul" by default.
	Prefix string
	// HideHostname leaves the node's name out of the names of figures about the
	// process, so that those of many agents have one name.
	HideHostname bool
}

// Telemetry is one registry's. It is safe for concurrent use.
type Telemetry struct {
	store  *state.Store
	node   state.Node
	config Config
	began  time.Time

	mu     sync.Mutex
	series []*Series
	asked  map[string]func() float64 // gauges of others, by name
}

// New returns the telemetry of the registry that keeps store on node.
func New(store *state.Store, node state.Node, config Config) *Telemetry {
	config.Prefix = cmp.Or(config.Prefix, "consul")
	return &Telemetry{store: store, node: node, config: config, began: time.Now(), asked: map[string]func() float64{}}
}

// name returns what a figure is called that Consul calls so by default.
func (t *Telemetry) name(name string) string {
	if rest, ok := strings.CutPrefix(name, "consul."); ok {
		return t.config.Prefix + "." + rest
	}
	return name
}

// Series returns a new series, for things that are seen again and again.
func (t *Telemetry) Series(name string, labels map[string]string) *Series {
	return t.add(&Series{name: name, labels: labels})
}

// Counter returns a new series of which only the number and the sum matter.
func (t *Telemetry) Counter(name string, labels map[string]string) *Series {
	return t.add(&Series{name: name, labels: labels, counts: true})
}

// Gauge tells under name what value returns whenever somebody asks. It must be
// quick, and safe to be called at once by many.
func (t *Telemetry) Gauge(name string, value func() float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked[name] = value
}

func (t *Telemetry) add(s *Series) *Series {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.series = append(t.series, s)
	return s
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

// Report returns the gauges as they are now, and what was seen in the last
// interval that is over; in the first one of the agent, what was seen so far.
func (t *Telemetry) Report() Report {
	last := intervalOf(time.Now())
	if last > intervalOf(t.began) {
		last--
	}
	return t.report(last)
}

func (t *Telemetry) report(i interval) Report {
	report := Report{
		Timestamp: i.start().UTC().Format("2006-01-02 15:04:05 -0700 MST"),
		Gauges:    t.gauges(), Points: []struct{}{}, Counters: []Sample{}, Samples: []Sample{},
	}
	for _, s := range t.all() {
		sample := s.in(i)
		sample.Name = t.name(sample.Name)
		switch {
		case sample.Count == 0: // what was not seen is left out
		case s.counts:
			report.Counters = append(report.Counters, sample)
		default:
			report.Samples = append(report.Samples, sample)
		}
	}
	return report
}

func (t *Telemetry) all() []*Series {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.series)
}

// Stream calls tell with the report of each interval when it is over. It
// blocks until ctx ends, and returns nil, or until tell fails.
func (t *Telemetry) Stream(ctx context.Context, tell func(Report) error) error {
	for {
		now := time.Now()
		current := intervalOf(now)
		timer := time.NewTimer((current + 1).start().Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		if err := tell(t.report(current)); err != nil {
			return err
		}
	}
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
	host := t.node.Node + "."
	if t.config.HideHostname {
		host = ""
	}
	gauges := []Gauge{}
	for _, name := range slices.Sorted(maps.Keys(process)) {
		gauges = append(gauges, Gauge{t.name("consul." + host + "runtime." + name), process[name], map[string]string{}})
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		labels := map[string]string{"datacenter": t.node.Datacenter}
		gauges = append(gauges, Gauge{t.name("consul.state." + name), float64(known[name]), labels})
	}
	t.mu.Lock()
	asked := maps.Clone(t.asked)
	t.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		gauges = append(gauges, Gauge{t.name(name), asked[name](), map[string]string{}})
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
	for _, gauge := range f.gauges() {
		name := strings.Replace(gauge.Name, "."+f.node.Node+".", ".", 1)
		out <- prometheus.MustNewConstMetric(description(name, gauge.Labels), prometheus.GaugeValue, gauge.Value, values(gauge.Labels)...)
	}
	for _, s := range f.all() {
		count, sum := s.total()
		switch described := description(f.name(s.name), s.labels); {
		case s.counts: // at 0 too: an alert on a metric that is not there is none
			out <- prometheus.MustNewConstMetric(described, prometheus.CounterValue, sum, values(s.labels)...)
		case count == 0:
		default:
			out <- prometheus.MustNewConstSummary(described, count, sum, nil, values(s.labels)...)
		}
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
