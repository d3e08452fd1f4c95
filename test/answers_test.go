package test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

const jsonType = "application/json; charset=utf-8"

// everyAnswer: status, type and body of all that a service answers.
func everyAnswer(s *scene) {
	a := s.serve()
	s.sees(5*time.Second, a, a)
	for _, test := range []struct {
		method, path string
		status       int
		body         string // exact, but for white space; empty: an error and nothing else
	}{
		{http.MethodGet, "/say-hello", http.StatusOK, `{"message":"Hello World"}`},
		{http.MethodGet, "/health", http.StatusOK, `{"status":true}`},
		{http.MethodGet, "/discovery?serviceName=Nobody", http.StatusNotFound, `{"instances":[],"error":"discovery service not found"}`},
		{http.MethodGet, "/discovery", http.StatusBadRequest, ""},
		{http.MethodGet, "/discovery?serviceName=", http.StatusBadRequest, ""},
		{http.MethodGet, "/nowhere", http.StatusNotFound, ""},
		{http.MethodPost, "/say-hello", http.StatusMethodNotAllowed, ""},
		{http.MethodPut, "/discovery?serviceName=" + serviceName, http.StatusMethodNotAllowed, ""},
		{http.MethodDelete, "/health", http.StatusMethodNotAllowed, ""},
	} {
		name := test.method + " " + test.path
		got, err := ask(s.Context(), http.DefaultClient, test.method, a.url(test.path))
		if err != nil {
			s.Fatal(err)
		}
		if got.status != test.status {
			s.Errorf("%s: status %d, want %d", name, got.status, test.status)
		}
		if kind := got.header.Get("Content-Type"); kind != jsonType {
			s.Errorf("%s: Content-Type %q, want %q", name, kind, jsonType)
		}
		if test.body == "" {
			var problem map[string]string
			if err := json.Unmarshal([]byte(got.body), &problem); err != nil || len(problem) != 1 || problem["error"] == "" {
				s.Errorf("%s: body %q, want {\"error\":\"...\"}", name, got.body)
			}
		} else if strings.TrimSpace(got.body) != test.body {
			s.Errorf("%s: body %q, want %q", name, got.body, test.body)
		}
		if allow := got.header.Get("Allow"); test.status == http.StatusMethodNotAllowed && !strings.Contains(allow, http.MethodGet) {
			s.Errorf("%s: Allow %q, want it to name GET", name, allow)
		}
	}
	s.discoveryHasConsulsNames(a)
	if got, err := get(s.Context(), http.DefaultClient, a.url("/metrics")); err != nil || got.status != http.StatusOK {
		s.Errorf("GET /metrics: %v, %v", got, err)
	}
}

// discoveryHasConsulsNames: an instance has exactly Consul's own field names,
// lists where there are no tags, and no error beside it.
func (s *scene) discoveryHasConsulsNames(from *service) {
	s.Helper()
	got, err := get(s.Context(), http.DefaultClient, from.url("/discovery?serviceName="+serviceName))
	if err != nil {
		s.Fatal(err)
	}
	var raw struct {
		Instances []map[string]json.RawMessage `json:"instances"`
		Error     *string                      `json:"error"`
	}
	if err := json.Unmarshal([]byte(got.body), &raw); err != nil || len(raw.Instances) != 1 || raw.Error == nil || *raw.Error != "" {
		s.Fatalf("discovery answered %v, want one instance and an empty error", got)
	}
	var names []string
	for name, value := range raw.Instances[0] {
		names = append(names, name)
		if string(value) == "null" {
			s.Errorf("%s is null", name)
		}
	}
	slices.Sort(names)
	want := []string{"Address", "Datacenter", "ID", "Meta", "Node", "Port", "Service", "Status", "Tags", "Weights"}
	if !slices.Equal(names, want) {
		s.Errorf("an instance has the fields %v, want %v", names, want)
	}
	if kind := got.header.Get("Content-Type"); kind != jsonType {
		s.Errorf("discovery: Content-Type %q, want %q", kind, jsonType)
	}
}

// unwellInstances: a service that is known but has no healthy instance is told
// from one that nobody knows.
func unwellInstances(s *scene) {
	a := s.serve()
	register := `{"Name":"Unwell","ID":"unwell-1","Port":1,"Check":{"Name":"pulse","TTL":"1h","Status":"critical"}}`
	if err := s.registry.Put(s.Context(), "/v1/agent/service/register", strings.NewReader(register)); err != nil {
		s.Fatal(err)
	}
	s.eventually(5*time.Second, "the unwell service is answered with 503", func(ctx context.Context) error {
		got, err := get(ctx, http.DefaultClient, a.url("/discovery?serviceName=Unwell"))
		if err != nil {
			return err
		}
		var d discovery
		if err := json.Unmarshal([]byte(got.body), &d); err != nil {
			return fmt.Errorf("%v: %w", got, err)
		}
		if got.status != http.StatusServiceUnavailable {
			return fmt.Errorf("it is answered with %v", got)
		}
		if d.Instances == nil || len(d.Instances) != 0 || !strings.Contains(d.Error, "1") || !strings.Contains(d.Error, "pulse") {
			s.Errorf("answered %v, want an empty list, and an error with the count 1 and the failing check pulse", got)
		}
		return nil
	})
	if err := s.registry.Put(s.Context(), "/v1/agent/check/pass/service:unwell-1", nil); err != nil {
		s.Fatal(err)
	}
	s.eventually(slack, "once well, it is listed", func(ctx context.Context) error {
		got, err := get(ctx, http.DefaultClient, a.url("/discovery?serviceName=Unwell"))
		if err == nil && got.status != http.StatusOK {
			err = fmt.Errorf("it is answered with %v", got)
		}
		return err
	})
}

// saysThatItLeaves: from SIGINT on, /health says 503 until nothing answers.
func saysThatItLeaves(s *scene) {
	a := s.serve()
	s.sees(5*time.Second, a, a)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s.interrupt(a)
	var answers []string
	for {
		got, err := get(s.Context(), client, a.url("/health"))
		if err != nil {
			break // nothing listens any more
		}
		answers = append(answers, got.String())
	}
	s.left(a)
	if !slices.Contains(answers, `503 {"status":false}`) {
		s.Errorf("while it left, /health answered %q, want 503 with false", slices.Compact(answers))
	}
	if len(answers) > 0 && answers[len(answers)-1] == `200 {"status":true}` {
		s.Error("the last answer of /health was that all is well")
	}
}
