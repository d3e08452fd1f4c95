package mesh

import (
	"encoding/json"
	"reflect"
	"testing"
)

// stored is entries in their JSON, by what they are called.
type stored map[EntryID]Entry

func (s stored) ConfigEntry(id EntryID) Entry { return s[id] }

func store(t *testing.T, entries ...string) stored {
	t.Helper()
	all := stored{}
	for _, text := range entries {
		entry, err := prepared(text)
		if err != nil {
			t.Fatal(err)
		}
		all[entry.ID()] = entry
	}
	return all
}

// TestConfigured has what Consul's transcripts in test/conformance do not show.
func TestConfigured(t *testing.T) {
	const upstream = `{"DestinationServiceName":"web","Upstreams":[{"DestinationName":"db","LocalBindPort":1}]}`
	for name, tc := range map[string]struct {
		kind    Kind
		proxy   string
		entries []string
		want    string // what is added or other, as the JSON of a proxy; nothing for the same proxy
	}{
		"a service that is none":    {"", `{}`, []string{`{"Kind":"service-defaults","Name":"self","Protocol":"http"}`}, ""},
		"nothing is configured":     {ConnectProxy, upstream, nil, ""},
		"another's":                 {ConnectProxy, upstream, []string{`{"Kind":"service-defaults","Name":"self","Protocol":"http"}`}, ""},
		"an entry that says little": {ConnectProxy, `{"DestinationServiceName":"web"}`, []string{`{"Kind":"proxy-defaults"}`, `{"Kind":"service-defaults","Name":"web","MaxInboundConnections":-1}`}, ""},
		"a gateway's own": {
			TerminatingGateway, `{}`, []string{`{"Kind":"service-defaults","Name":"self","Protocol":"http"}`},
			`{"Config":{"protocol":"http"}}`,
		},
		"the registration first": {
			ConnectProxy, `{"DestinationServiceName":"web","Mode":"direct","Config":{"protocol":"tcp"},"Expose":{"Paths":[{"Path":"/","ListenerPort":1}]}}`,
			[]string{`{"Kind":"service-defaults","Name":"web","Protocol":"http","Mode":"transparent","Expose":{"Paths":[{"Path":"/x","ListenerPort":2}]}}`}, "",
		},
		"an extension that was registered": {ConnectProxy, `{"DestinationServiceName":"web","EnvoyExtensions":[{"Name":"x"}]}`, nil, `{"EnvoyExtensions":null}`},
		"its own gateway for upstreams": {
			ConnectProxy, `{"DestinationServiceName":"web","MeshGateway":{"Mode":"local"},"Upstreams":[{"DestinationName":"db","LocalBindPort":1}]}`, nil,
			`{"Upstreams":[{"DestinationName":"db","LocalBindPort":1,"MeshGateway":{"Mode":"local"}}]}`,
		},
		"a gateway given as any setting": {
			ConnectProxy, upstream, []string{`{"Kind":"proxy-defaults","Config":{"mesh_gateway":{"mode":"remote"}}}`},
			`{"Config":{"mesh_gateway":{"mode":"remote"}},"Upstreams":[{"DestinationName":"db","LocalBindPort":1,"MeshGateway":{"Mode":"remote"}}]}`,
		},
		"upstreams that nobody named, by name": {
			ConnectProxy, `{"DestinationServiceName":"web","Mode":"transparent"}`,
			[]string{`{"Kind":"service-defaults","Name":"web","UpstreamConfig":{"Overrides":[{"Name":"b","ConnectTimeoutMs":2},{"Name":"a","Peer":"p","ConnectTimeoutMs":1},{"Name":"a","ConnectTimeoutMs":3}]}}`},
			`{"Upstreams":[
				{"DestinationNamespace":"default","DestinationPartition":"default","DestinationName":"a","Config":{"connect_timeout_ms":3},"CentrallyConfigured":true},
				{"DestinationNamespace":"default","DestinationPartition":"default","DestinationName":"a","DestinationPeer":"p","Config":{"connect_timeout_ms":1},"CentrallyConfigured":true},
				{"DestinationNamespace":"default","DestinationPartition":"default","DestinationName":"b","Config":{"connect_timeout_ms":2},"CentrallyConfigured":true}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			entries := store(t, tc.entries...)
			proxy := new(Proxy)
			if err := json.Unmarshal([]byte(tc.proxy), proxy); err != nil {
				t.Fatal(err)
			}
			registered := text(t, proxy)
			want := proxy
			if tc.want != "" {
				want = new(Proxy)
				for _, layer := range []string{tc.proxy, tc.want} {
					if err := json.Unmarshal([]byte(layer), want); err != nil {
						t.Fatal(err)
					}
				}
			}
			got := proxy.Configured(tc.kind, "self", entries)
			if (got == proxy) != (tc.want == "") || text(t, got) != text(t, want) {
				t.Errorf("got  %s\nwant %s", text(t, got), text(t, want))
			}
			if text(t, proxy) != registered {
				t.Error("what was registered was changed")
			}
			if !reflect.DeepEqual(entries, store(t, tc.entries...)) {
				t.Error("what is configured was changed")
			}
		})
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	body, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestFilled(t *testing.T) {
	for name, tc := range map[string]struct{ config, defaults, want string }{
		"what is missing":              {`{"a":1}`, `{"b":2}`, `{"a":1,"b":2}`},
		"what says nothing":            {`{"a":0,"b":"","c":false,"d":null,"e":[],"f":{}}`, `{"a":1,"b":"x","c":true,"d":2,"e":[1],"f":{"x":1}}`, `{"a":1,"b":"x","c":true,"d":2,"e":[1],"f":{"x":1}}`},
		"what is there":                {`{"a":1,"b":[1],"c":{"x":1}}`, `{"a":2,"b":[2,3],"c":7}`, `{"a":1,"b":[1],"c":{"x":1}}`},
		"deep":                         {`{"a":{"x":{"y":1}}}`, `{"a":{"x":{"y":2,"z":3}}}`, `{"a":{"x":{"y":1,"z":3}}}`},
		"nothing there":                {`null`, `{"a":1}`, `{"a":1}`},
		"nothing to fill in":           {`null`, `{}`, `null`},
		"defaults that say null":       {`{}`, `{"a":null}`, `{}`},
		"an object in place of a text": {`{"a":"x"}`, `{"a":{"x":1}}`, `{"a":"x"}`},
	} {
		var config, defaults, want map[string]any
		for _, one := range []struct {
			text string
			into *map[string]any
		}{{tc.config, &config}, {tc.defaults, &defaults}, {tc.want, &want}} {
			if err := json.Unmarshal([]byte(one.text), one.into); err != nil {
				t.Fatal(err)
			}
		}
		if got := filled(config, defaults); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
