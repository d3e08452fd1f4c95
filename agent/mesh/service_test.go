package mesh

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMember(t *testing.T) {
	upstream := func(name string, port int) Upstream { return Upstream{DestinationName: name, LocalBindPort: port} }
	proxy := func(upstreams ...Upstream) *Proxy { return &Proxy{DestinationServiceName: "web", Upstreams: upstreams} }
	for name, tc := range map[string]struct {
		member Member
		want   []string // parts of the error; none for nil
	}{
		"no part of it":          {Member{Proxy: &Proxy{DestinationServiceName: "*"}}, nil},
		"native":                 {Member{Native: true, Port: 1}, nil},
		"native at a socket":     {Member{Native: true, SocketPath: "/s"}, nil},
		"native and nowhere":     {Member{Native: true}, []string{"1 error", "must be set for a Connect native service."}},
		"a proxy":                {Member{Kind: ConnectProxy, Port: 1, Proxy: proxy(upstream("a", 1), upstream("b", 2))}, nil},
		"a proxy before nobody":  {Member{Kind: ConnectProxy, Proxy: &Proxy{}}, []string{"2 errors", "Port or SocketPath", "must be non-empty"}},
		"a native proxy":         {Member{Kind: ConnectProxy, Port: 1, Native: true, Proxy: proxy()}, []string{"cannot also be Connect Native"}},
		"the same upstream":      {Member{Kind: ConnectProxy, Port: 1, Proxy: proxy(upstream("a", 1), upstream("a", 2))}, []string{`duplicates of [type="", name="a"`}},
		"the same listener":      {Member{Kind: ConnectProxy, Port: 1, Proxy: proxy(upstream("a", 1), upstream("b", 1))}, []string{`"127.0.0.1:1" is specified twice`}},
		"one fault per upstream": {Member{Kind: ConnectProxy, Port: 1, Proxy: proxy(Upstream{}, upstream("*", 1), upstream("a", 0))}, []string{"3 errors", "cannot be empty", "wildcard", "must be defined and nonzero"}},
		"a gateway":              {Member{Kind: MeshGateway, Port: 1, Proxy: &Proxy{}}, nil},
		"ingress may wait":       {Member{Kind: IngressGateway, Proxy: &Proxy{}}, nil},
		"a gateway for one":      {Member{Kind: TerminatingGateway, HasSidecar: true, Proxy: proxy(upstream("a", 1))}, []string{"4 errors", "Port must be non-zero", "sidecar", "DestinationServiceName", "Upstreams"}},
		"a sidecar's sidecar":    {Member{HasSidecar: true, SidecarID: true, SidecarSidecar: true}, []string{"2 errors", "cannot specify an ID", "nested"}},
		"half a place":           {Member{NoRegion: true}, []string{"zone cannot be set without region"}},
	} {
		err := tc.member.Validate()
		if (err == nil) != (len(tc.want) == 0) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
			continue
		}
		for _, part := range tc.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: got %v, want %q in it", name, err, part)
			}
		}
	}
}

func TestBefore(t *testing.T) {
	for name, tc := range map[string]struct {
		asked, want Proxy
		socket      string
	}{
		"nothing said": {Proxy{}, Proxy{DestinationServiceName: "web", DestinationServiceID: "web-1", LocalServiceAddress: "127.0.0.1", LocalServicePort: 80}, ""},
		"an address":   {Proxy{LocalServiceAddress: "::1"}, Proxy{DestinationServiceName: "web", DestinationServiceID: "web-1", LocalServiceAddress: "::1", LocalServicePort: 80}, ""},
		"a socket":     {Proxy{}, Proxy{DestinationServiceName: "web", DestinationServiceID: "web-1", LocalServiceSocketPath: "/s"}, "/s"},
		"its own":      {Proxy{DestinationServiceName: "x", LocalServiceSocketPath: "/o"}, Proxy{DestinationServiceName: "x", DestinationServiceID: "web-1", LocalServiceSocketPath: "/o"}, "/s"},
	} {
		got := tc.asked.Before("web", "web-1", 80, tc.socket)
		if !got.Equal(&tc.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestProxyTakesBothSpellings(t *testing.T) {
	var snake, camel Proxy
	for text, into := range map[string]*Proxy{
		`{"destination_service_name":"a","local_service_port":1,"mesh_gateway":{"Mode":"local"},"Upstreams":[{"destination_name":"b","local_bind_port":2}],
			"Expose":{"Paths":[{"listener_port":3,"local_path_port":4}]}}`: &snake,
		`{"DestinationServiceName":"a","LocalServicePort":1,"MeshGateway":{"Mode":"local"},"Upstreams":[{"DestinationName":"b","LocalBindPort":2}],
			"Expose":{"Paths":[{"ListenerPort":3,"LocalPathPort":4}]}}`: &camel,
	} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if !snake.Equal(&camel) || camel.Upstreams[0].LocalBindPort != 2 || camel.Expose.Paths[0].LocalPathPort != 4 {
		t.Errorf("got %+v and %+v", snake, camel)
	}
	if err := json.Unmarshal([]byte(`{"Upstreams":[{"Bogus":1}]}`), &Proxy{}); err == nil {
		t.Error("an unknown name was taken")
	}
}
