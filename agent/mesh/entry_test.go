package mesh

import (
	"encoding/json"
	"strings"
	"testing"
)

// prepared decodes and prepares an entry.
func prepared(text string) (Entry, error) {
	var raw map[string]any
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, err
	}
	entry, err := DecodeEntry(raw)
	if err != nil {
		return nil, err
	}
	return entry, Prepare(entry)
}

func TestEntries(t *testing.T) {
	for name, tc := range map[string]struct{ entry, want string }{ // want: its JSON without the hash, or an error
		"both spellings": {
			`{"kind":"service-defaults","name":"web","max_inbound_connections":1,"LocalConnectTimeoutMs":2}`,
			`{"Kind":"service-defaults","Name":"web","Protocol":"","TransparentProxy":{},"MeshGateway":{},"Expose":{},"MaxInboundConnections":1,"LocalConnectTimeoutMs":2,"CreateIndex":0,"ModifyIndex":0}`,
		},
		"a list of one for an object": {
			`{"Kind":"service-defaults","Name":"web","Expose":[{"Checks":true}]}`,
			`{"Kind":"service-defaults","Name":"web","Protocol":"","TransparentProxy":{},"MeshGateway":{},"Expose":{"Checks":true},"CreateIndex":0,"ModifyIndex":0}`,
		},
		"null in a list": {
			`{"Kind":"service-intentions","Name":"web","Sources":[null,{"Name":"a","Action":"allow"}]}`,
			`{"Kind":"service-intentions","Name":"web","Sources":[{"Name":"a","Action":"allow","Precedence":9,"Type":"consul"}],"CreateIndex":0,"ModifyIndex":0}`,
		},
		"the more exact intention first": {
			`{"Kind":"service-intentions","Name":"*","Sources":[{"Name":"*","Action":"deny"},{"Name":"a","Action":"allow"}]}`,
			`{"Kind":"service-intentions","Name":"*","Sources":[{"Name":"a","Action":"allow","Precedence":6,"Type":"consul"},{"Name":"*","Action":"deny","Precedence":5,"Type":"consul"}],"CreateIndex":0,"ModifyIndex":0}`,
		},
		"weights to the hundredth": {
			`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":"33.333"},{"Weight":66.67,"Service":"b"}]}`,
			`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":33.33},{"Weight":66.67,"Service":"b"}],"CreateIndex":0,"ModifyIndex":0}`,
		},
		"times as text": {
			`{"Kind":"service-resolver","Name":"web","ConnectTimeout":"90s","RequestTimeout":1000}`,
			`{"ConnectTimeout":"1m30s","RequestTimeout":"1µs","Kind":"service-resolver","Name":"web","CreateIndex":0,"ModifyIndex":0}`,
		},
		"the only name": {
			`{"Kind":"proxy-defaults","Config":{"protocol":"http"}}`,
			`{"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http"},"TransparentProxy":{},"MeshGateway":{},"Expose":{},"AccessLogs":{},"CreateIndex":0,"ModifyIndex":0}`,
		},
		"a provider of tokens": {
			`{"kind":"jwt-provider","name":"j","json_web_key_set":{"remote":{"uri":"https://x/k","cache_duration":"1m"}},"locations":[null,{"cookie":{"name":"c"}}]}`,
			`{"Kind":"jwt-provider","Name":"j","JSONWebKeySet":{"Remote":{"URI":"https://x/k","CacheDuration":60000000000}},"Locations":[{"Cookie":{"Name":"c"}}],"ClockSkewSeconds":30,"CreateIndex":0,"ModifyIndex":0}`,
		},
		"two places for one token": {
			`{"Kind":"jwt-provider","Name":"j","JSONWebKeySet":{"Local":{"Filename":"f"}},"Locations":[{"Cookie":{"Name":"c"},"Header":{"Name":"h"}}]}`,
			"1 error occurred:\n\t* must set exactly one of: JWT location header, query param or cookie\n\n",
		},
		"what others may see": {
			`{"Kind":"exported-services","Name":"default","Services":[{"Name":"web","Namespace":"n","Consumers":[{"peer_name":"p"}]}]}`,
			`{"Kind":"exported-services","Name":"default","Services":[{"Name":"web","Consumers":[{"Peer":"p"}]}],"CreateIndex":0,"ModifyIndex":0}`,
		},
		"enterprise":        {`{"Kind":"sameness-group","Name":"s"}`, "sameness-groups are an enterprise-only feature"},
		"unknown names":     {`{"Kind":"mesh","B":1,"A":2}`, "2 errors occurred:\n\t* invalid config key \"A\"\n\t* invalid config key \"B\"\n\n"},
		"a kind to come":    {`{"Kind":"tcp-route"}`, UnservedKind("tcp-route").Error()},
		"a kind that isn't": {`{"Kind":"nonsense"}`, "invalid config entry kind: nonsense"},
		"too much metadata": {
			`{"Kind":"service-router","Name":"web","Meta":{"` + strings.Repeat("k", 129) + `":""}}`,
			"1 error occurred:\n\t* Meta key \"" + strings.Repeat("k", 129) + "\" exceeds maximum length 128\n\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			entry, err := prepared(tc.entry)
			if err != nil {
				if err.Error() != tc.want {
					t.Errorf("got error %q, want %s", err, tc.want)
				}
				return
			}
			if *entry.hash() == 0 {
				t.Error("an entry without a hash")
			}
			*entry.hash() = 0
			if got, err := json.Marshal(entry); err != nil || string(got) != tc.want {
				t.Errorf("got %s, %v; want %s", got, err, tc.want)
			}
		})
	}
}

func TestNamed(t *testing.T) {
	for _, tc := range []struct {
		kind, name, want, fault string
	}{
		{"service-defaults", "web", "web", ""},
		{"mesh", "any", "mesh", ""},
		{"jwt-provider", "x", "x", ""},
		{"proxy-defaults", "x", "", `invalid name ("x"), only "global" is supported`},
		{"nonsense", "x", "", "invalid config entry kind: nonsense"},
	} {
		got, err := Named(tc.kind, tc.name)
		if got.Name != tc.want || (err == nil) != (tc.fault == "") || err != nil && err.Error() != tc.fault {
			t.Errorf("%s %s: got %q, %v; want %q, %s", tc.kind, tc.name, got.Name, err, tc.want, tc.fault)
		}
	}
}

// FuzzEntry feeds the decoder of entries: whatever comes, it answers with an
// error or with an entry that, shown and read again, is the same.
func FuzzEntry(f *testing.F) {
	for _, seed := range []string{
		`{"Kind":"service-defaults","Name":"web","UpstreamConfig":{"Overrides":[null,{"Name":"a","Limits":{"MaxConnections":1}}]}}`,
		`{"kind":"proxy-defaults","config":{"a":[{"b":[1]}]},"access_logs":{"type":"file","path":"/p"}}`,
		`{"Kind":"service-router","Name":"web","Routes":{"Match":{"HTTP":{"path_exact":"/a","Methods":["get"]}},"Destination":{"RequestTimeout":"5s"}}}`,
		`{"Kind":"service-splitter","Name":"web","Splits":[{"Weight":50,"ServiceSubset":"a"},{"Weight":"50"}]}`,
		`{"Kind":"service-resolver","Name":"web","Subsets":{"v1":{"Filter":"a == b"}},"Failover":{"*":{"Targets":[{"Peer":"p"}]}}}`,
		`{"Kind":"service-intentions","Name":"web","Sources":[{"Name":"a","Permissions":[null,{"Action":"allow","HTTP":{"Methods":["GET"]}}]}]}`,
		`{"Kind":"mesh","TLS":{"Incoming":{"TLSMinVersion":"TLSv1_2","CipherSuites":["x"]}}}`,
		`{"Kind":"jwt-provider","Name":"j","JSONWebKeySet":{"Remote":{"URI":"https://x/k","RetryPolicy":{"RetryPolicyBackOff":{"BaseInterval":"1s"}}}},"Locations":[{"Header":{"Name":"h"}}]}`,
		`{"Kind":"exported-services","Name":"default","Services":[{"Name":"*","Consumers":[{"Peer":"p"}]}]}`,
		`{"Kind":"service-resolver","Name":"web","LoadBalancer":[{"Policy":"maglev","HashPolicies":{"SourceIP":1}}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		entry, err := prepared(text)
		if err != nil {
			if err.Error() == "" {
				t.Errorf("%s: an error that says nothing", text)
			}
			return
		}
		first, err := json.Marshal(entry)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if strings.Contains(string(first), `"InlineBytes"`) {
			return // as in Consul, they come as they are and are shown in base64
		}
		again, err := prepared(string(first))
		if err != nil {
			t.Fatalf("%s was shown as %s, and then: %v", text, first, err)
		}
		read, err := ReadEntry(first)
		if err != nil {
			t.Fatalf("%s was shown as %s, and could not be read: %v", text, first, err)
		}
		if exact, err := json.Marshal(read); err != nil || string(exact) != string(first) {
			t.Errorf("%s was shown as %s, and read as %s, %v", text, first, exact, err)
		}
		if second, err := json.Marshal(again); err != nil || string(second) != string(first) {
			t.Errorf("%s was shown as %s, and then as %s, %v", text, first, second, err)
		}
	})
}
