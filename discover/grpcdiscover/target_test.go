package grpcdiscover

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

func TestParseTarget(t *testing.T) {
	for _, test := range []struct {
		text string
		want target
	}{
		{"muster:///web", target{query: discover.Query{Service: "web"}}},
		{"muster:web", target{query: discover.Query{Service: "web"}}},
		{"muster:///a:b", target{query: discover.Query{Service: "a:b"}}},
		{"muster:///team/web", target{query: discover.Query{Service: "team/web"}}},
		{"muster:///web%20two", target{query: discover.Query{Service: "web two"}}},
		{"muster:///web?tag=a&tag=b&dc=dc2&failover=dc3&failover=dc4&near=_agent&warning=true", target{query: discover.Query{
			Service: "web", Tags: "a,b", Datacenter: "dc2", Failover: "dc3,dc4", Near: "_agent", Warning: true,
		}}},
		{"muster:///web?filter=" + url.QueryEscape(`Service.Meta.version != "1"`), target{query: discover.Query{Service: "web", Filter: `Service.Meta.version != "1"`}}},
		{"muster:///web?consistency=leader", target{query: discover.Query{Service: "web", Consistency: discover.Leader}}},
		{"muster:///web?policy=peak_ewma&zone=eu-1", target{query: discover.Query{Service: "web"}, policy: "peak_ewma", zone: "eu-1"}},
	} {
		u, err := url.Parse(test.text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseTarget(*u); err != nil || got != test.want {
			t.Errorf("%s: got %+v, error %v; want %+v", test.text, got, err, test.want)
		}
	}
}

func TestBadTargets(t *testing.T) {
	for text, want := range map[string]string{
		"muster:///":                              "service name: it is empty",
		"muster:///../kv":                         "..",
		"muster:///web:80":                        "leave the port out",
		"muster:web:80":                           "leave the port out",
		"muster:///[::1]:80":                      "leave the port out",
		"muster://web":                            "want muster:///SERVICE",
		"muster://registry:8500/web":              "want muster:///SERVICE",
		"muster:///web?tags=a":                    `parameter "tags": there are consistency, dc, failover, filter, near, policy, tag, warning, zone`,
		"muster:///web?dc=a&dc=b":                 "2 times",
		"muster:///web?warning=perhaps":           "want true or false",
		"muster:///web?policy=best":               "least_request",
		"muster:///web?consistency=perfect":       `"leader"`,
		"muster:///web?tag=a;dc=b":                "semicolon",
		"muster:///web?tag=%zz":                   "%zz",
		"muster:///web?filter=Service.Tags#where": "%23",
		"muster:///web?tag=a%0ab":                 "control characters",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := parseTarget(*u); !errors.Is(err, discover.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %+v, error %v; want one that says %s", text, got, err, want)
		}
	}
}

// FuzzTarget: whatever a target says, what is read of it is a question that can
// be asked, or the error says that it is invalid.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"muster:///web", "muster:web", "muster://host/web?tag=a&tag=b", "muster:///web?dc=a&dc=b", "muster:///web?warning=1&policy=random&zone=z",
		"muster:///a/../b", "muster:///%00", "muster:?", "muster:///web?tag=%zz;&&==",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		got, err := parseTarget(*u)
		if err != nil {
			if !errors.Is(err, discover.ErrInvalid) {
				t.Errorf("%q: error %v is not ErrInvalid", text, err)
			}
			return
		}
		if err := got.query.Validate(); err != nil {
			t.Errorf("%q: read as %+v: %v", text, got, err)
		}
		if _, err := (&Config{}).serviceConfig(got); err != nil {
			t.Errorf("%q: service config: %v", text, err)
		}
	})
}

func TestServiceConfig(t *testing.T) {
	for _, test := range []struct {
		name, config string
		target       target
		want         string
	}{
		{"nothing is said", "", target{}, ""},
		{"a policy of the target", "", target{policy: "random"}, `{"loadBalancingConfig":[{"muster":{"policy":"random"}}]}`},
		{"a zone of the target", "", target{zone: "eu-1"}, `{"loadBalancingConfig":[{"muster":{"zone":"eu-1"}}]}`},
		{"a config without a balancer", `{"methodConfig":[]}`, target{}, `{"loadBalancingConfig":[{"muster":{}}],"methodConfig":[]}`},
		{"a config with another", `{"loadBalancingConfig":[{"round_robin":{}}]}`, target{}, `{"loadBalancingConfig":[{"round_robin":{}}]}`},
		{"and in the old way", `{"loadBalancingPolicy":"round_robin"}`, target{}, `{"loadBalancingPolicy":"round_robin"}`},
		{
			"a target over a config", `{"methodConfig":[],"loadBalancingConfig":[{"muster":{"policy":"random","requestHashHeader":"x"}}]}`, target{policy: "consistent_hash"},
			`{"loadBalancingConfig":[{"muster":{"policy":"consistent_hash","requestHashHeader":"x"}}],"methodConfig":[]}`,
		},
	} {
		if got, err := (&Config{ServiceConfig: test.config}).serviceConfig(test.target); err != nil || got != test.want {
			t.Errorf("%s: got %s, error %v; want %s", test.name, got, err, test.want)
		}
	}
	for _, bad := range []string{"{", `{"loadBalancingConfig": 1}`, `{"loadBalancingConfig": [{"muster": {"policy": "best"}}]}`} {
		if got, err := (&Config{ServiceConfig: bad}).serviceConfig(target{policy: "random"}); err == nil {
			t.Errorf("%s: got %s, want an error", bad, got)
		}
	}
}

// What cannot be meant is said where it is written, and not in a goroutine of
// gRPC's.
func TestProgrammersMistakes(t *testing.T) {
	cache := discover.NewCache(discover.Fixed(), discover.CacheConfig{})
	defer cache.Close()
	for want, options := range map[string]func(){
		"needs a cache": func() { DialOptions(nil, Config{}) },
		"caller 9 of 3": func() { DialOptions(cache, Config{Subset: balance.SubsetConfig{Caller: 9, Callers: 3}}) },
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, want) {
					t.Errorf("got a panic with %q, want one that says %q", said, want)
				}
			}()
			options()
		}()
	}
}
