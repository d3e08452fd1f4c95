package httpdiscover_test

import (
	"errors"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/httpdiscover"
)

func TestQueryOf(t *testing.T) {
	for host, want := range map[string]discover.Query{
		"web":                            {Service: "web"},
		"web.example.com":                {Service: "web.example.com"},
		"web.service.consul":             {Service: "web"},
		"web.service.consul.":            {Service: "web"},
		"canary.web.service.consul":      {Service: "web", Tags: "canary"},
		"web.service.eu.consul":          {Service: "web", Datacenter: "eu"},
		"web.service.eu.dc.consul":       {Service: "web", Datacenter: "eu"},
		"v1.web.service.eu.consul":       {Service: "web", Tags: "v1", Datacenter: "eu"},
		"service.service.consul":         {Service: "service"},
		"service.service.service.consul": {Service: "service", Datacenter: "service"},
		"a.service-x.service.consul":     {Service: "service-x", Tags: "a"},
		"":                               {},
		"web:8080":                       {},
		"[::1]":                          {},
		"[::1]:80":                       {},
		"127.0.0.1":                      {},
		"127.0.0.1.":                     {},
		"127.0.0.1:80":                   {},
		"web.node.consul":                {},
		"a.b.web.service.consul":         {},
		".service.consul":                {},
		"web.service..consul":            {},
		"web.service.a.b.c.consul":       {},
		".consul":                        {},
	} {
		got, err := httpdiscover.QueryOf(host)
		if err == nil {
			err = got.Validate()
		}
		if want == (discover.Query{}) {
			if !errors.Is(err, discover.ErrInvalid) {
				t.Errorf("%q: got %+v, error %v, want an invalid name", host, got, err)
			}
		} else if err != nil || got != want {
			t.Errorf("%q: got %+v, error %v, want %+v", host, got, err, want)
		}
	}
}

func FuzzQueryOf(f *testing.F) {
	for _, host := range []string{"web", "a.web.service.eu.dc.consul", ".consul", "web:1", "[::1]:80", "127.0.0.1"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if q, err := httpdiscover.QueryOf(host); err != nil && (q != discover.Query{} || !errors.Is(err, discover.ErrInvalid)) {
			t.Errorf("%q: got %+v with error %v", host, q, err)
		}
	})
}
