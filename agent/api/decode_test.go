package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/agent/state"
)

func TestDuration(t *testing.T) {
	for _, tc := range []struct {
		json string
		want time.Duration
		ok   bool
	}{
		{`"10s"`, 10 * time.Second, true},
		{`"1h30m"`, 90 * time.Minute, true},
		{`1000`, 1000, true},
		{`-5`, -5, true},
		{`""`, 0, true},
		{`null`, 0, true},
		{`"10"`, 0, false},
		{`"zz"`, 0, false},
		{`{}`, 0, false},
		{`true`, 0, false},
	} {
		var got duration
		err := json.Unmarshal([]byte(tc.json), &got)
		if (err == nil) != tc.ok || time.Duration(got) != tc.want {
			t.Errorf("%s: got %s, %v; want %s, ok is %t", tc.json, time.Duration(got), err, tc.want, tc.ok)
		}
	}
}

func TestToken(t *testing.T) {
	for name, tc := range map[string]struct {
		path   string
		header http.Header
		want   string
	}{
		"none":              {"/", nil, ""},
		"a header":          {"/", http.Header{"X-Consul-Token": {"t"}}, "t"},
		"a bearer":          {"/", http.Header{"Authorization": {"Bearer  t "}}, "t"},
		"a password":        {"/", http.Header{"Authorization": {"Basic t"}}, ""},
		"another case":      {"/", http.Header{"Authorization": {"bearer t"}}, "t"},
		"the query first":   {"/?token=q", http.Header{"X-Consul-Token": {"t"}}, "q"},
		"Consul's is first": {"/", http.Header{"X-Consul-Token": {"t"}, "Authorization": {"Bearer b"}}, "t"},
	} {
		r, err := http.NewRequest(http.MethodPut, tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = tc.header
		if got := Token(r); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

// FuzzRegister feeds the decoder of registrations: whatever comes, it answers
// with a definition that is sound or with an error that has a 4xx or 5xx
// status, and does not panic.
func FuzzRegister(f *testing.F) {
	for _, seed := range []string{
		`{"Name":"web","ID":"web-1","Port":80,"Tags":["a"],"Meta":{"k":"v"},"Check":{"HTTP":"http://x","Interval":"10s"}}`,
		`{"Name":"web","Checks":[{"TTL":"10s"},{"tls_skip_verify":true,"HTTP":"https://x","Interval":1000000000}]}`,
		`{"Name":"x","Weights":{"Passing":1,"Warning":0},"tagged_addresses":{"lan":{"Address":"::1","Port":1}}}`,
		`{"Name":"x\u0000","Port":-1}`, `{"Name":"x","Connect":{"Native":true}}`, `null`,
		`{"Name":"x","Port":1,"Connect":{"SidecarService":{"Proxy":{"Upstreams":[{"DestinationName":"y","LocalBindPort":2}]}}}}`,
		`{"Name":"x","Kind":"connect-proxy","Port":1,"Proxy":{"destination_service_name":"y","Expose":{"Paths":[{"listener_port":1}]}}}`, `[]`, `{`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, err := http.NewRequest(http.MethodPut, "http://registry/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		asked, err := decodeRegistration(r)
		if err == nil {
			services, checks := []state.Service{asked.Service}, asked.Checks
			if asked.Sidecar != nil {
				services, checks = append(services, asked.Sidecar.Service), append(checks, asked.Sidecar.Checks...)
			}
			for _, svc := range services {
				if svc.Service == "" || svc.ID == "" && asked.Sidecar == nil || svc.Tags == nil || svc.Port < 0 || svc.Port > 65535 ||
					!state.Printable(svc.Service) || !state.Printable(svc.ID) || svc.Proxy == nil {
					t.Errorf("%q was taken as %+v", body, svc)
				}
			}
			for _, c := range checks {
				if fault := c.Definition.Validate(); fault != nil {
					t.Errorf("%q was taken with a check that %v", body, fault)
				}
			}
		}
		if err != nil && (status(err) < 400 || err.Error() == "") {
			t.Errorf("%q: got status %d and text %q", body, status(err), err)
		}
	})
}
