package telemetry

import (
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/agent/state"
)

func TestReport(t *testing.T) {
	store := state.New()
	if err := store.Write(func(w *state.Writer) error {
		w.PutNode(state.Node{Node: "n1.example", Address: "10.0.0.1"})
		w.Put("a", nil, 0)
		w.Put("b", nil, 0)
		return w.PutService(state.Service{Node: "n1.example", ID: "web-1", Service: "web", Tags: []string{}})
	}); err != nil {
		t.Fatal(err)
	}
	telemetry := New(store, state.Node{Node: "n1.example", Datacenter: "dc1"}, Config{})
	asked := telemetry.Series("consul.api.http", map[string]string{"method": "GET", "path": "v1_status_leader"})
	telemetry.Series("consul.api.http", map[string]string{"method": "PUT", "path": "v1_never"})
	for _, ms := range []float64{10, 20, 30} {
		asked.observe(time.Now(), ms)
	}
	telemetry.Counter("consul.rpc.rate_limit.exceeded", nil).Add(2)
	report := telemetry.Report()
	gauges := map[string]float64{}
	for _, gauge := range report.Gauges {
		gauges[gauge.Name] = gauge.Value
	}
	for name, want := range map[string]float64{"consul.state.nodes": 1, "consul.state.services": 1, "consul.state.service_instances": 1, "consul.state.kv_entries": 2} {
		if gauges[name] != want {
			t.Errorf("%s is %v, want %v", name, gauges[name], want)
		}
	}
	if gauges["consul.n1.example.runtime.alloc_bytes"] <= 0 {
		t.Errorf("there is no memory in use: %v", gauges)
	}

	text, err := telemetry.Prometheus()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`consul_api_http_count{method="GET",path="v1_status_leader"} 3`,
		`consul_api_http_sum{method="GET",path="v1_status_leader"} 60`,
		`consul_state_kv_entries{datacenter="dc1"} 2`,
		"consul_rpc_rate_limit_exceeded 2",
		"consul_runtime_num_goroutines ", "process_open_fds ", "go_goroutines ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("Prometheus is not told %q", want)
		}
	}
}

func TestNamesAreChosen(t *testing.T) {
	for _, tc := range []struct {
		config Config
		want   []string
	}{
		{Config{}, []string{"consul.n1.runtime.num_goroutines", "consul.state.nodes", "consul.api.http", "consul_api_http_count"}},
		{Config{Prefix: "m"}, []string{"m.n1.runtime.num_goroutines", "m.state.nodes", "m.api.http", "m_api_http_count"}},
		{Config{HideHostname: true}, []string{"consul.runtime.num_goroutines", "consul.state.nodes", "consul.api.http", "consul_api_http_count"}},
	} {
		telemetry := New(state.New(), state.Node{Node: "n1"}, tc.config)
		telemetry.Series("consul.api.http", nil).observe(time.Now(), 1)
		report := telemetry.Report()
		names := map[string]bool{}
		for _, gauge := range report.Gauges {
			names[gauge.Name] = true
		}
		for _, sample := range report.Samples {
			names[sample.Name] = true
		}
		text, err := telemetry.Prometheus()
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range tc.want {
			if !names[want] && !strings.Contains(string(text), "\n"+want+" ") {
				t.Errorf("%+v: there is no %s in %v", tc.config, want, names)
			}
		}
		if !strings.Contains(string(text), "_runtime_num_goroutines ") || strings.Contains(string(text), "n1") {
			t.Errorf("%+v: Prometheus is told the node's name, which it knows", tc.config)
		}
	}
}
