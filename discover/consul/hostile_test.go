package consul_test

import (
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// says is a registry that answers every request alike.
type says struct {
	status      int
	index, body string
}

// RoundTrip implements http.RoundTripper.
func (s says) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: s.status, Status: http.StatusText(s.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"X-Consul-Index": {s.index}, "X-Consul-Knownleader": {"true"}, "X-Consul-Lastcontact": {"0"}, "X-Consul-Contenthash": {s.index}},
		Body:   io.NopCloser(strings.NewReader(s.body)), ContentLength: -1,
	}, nil
}

// FuzzAnswer: whatever a registry answers, it is an error, or a list that a
// client can use: sorted, without what is no instance of the service, told
// apart by health; and the same again.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{
		twoInstances, `[]`, `null`, `{}`, `[null]`, `[{}]`, `[{"Node":null,"Service":{},"Checks":[]}]`, `[{"Node":{"Node":"n"},"Service":{"ID":"a","Port":-1},"Checks":[null]}]`,
		`[{"Node":{"Node":"n"},"Service":{"ID":"a","Weights":{"Passing":-1}},"Checks":[{"Status":"maintenance"},{"Status":"x"}]}]`, `[`, ``, `no leader`,
	} {
		f.Add(200, "7", body)
		f.Add(500, "x", body)
	}
	f.Fuzz(func(t *testing.T, status int, index, body string) {
		if status < 200 || status > 599 {
			t.Skip("the client of HTTP refuses it")
		}
		registry := consulAt(t, "http://registry", says{status, index, body}, consul.Config{})
		got, err := registry.Next(t.Context(), discover.Query{Service: "web"}, 0)
		if err != nil {
			if got.Index != 0 || got.Known() != 0 || len(err.Error()) > len(body)+1<<10 {
				t.Errorf("an error with a list: %+v, %v", got, err)
			}
		} else if status != http.StatusOK || got.Index == 0 || got.Err != nil || time.Since(got.Confirmed) > time.Hour {
			t.Errorf("status %d is the list %+v", status, got)
		}
		byNode := func(a, b discover.Instance) int {
			return slices.Compare([]string{a.Node, a.ID}, []string{b.Node, b.ID})
		}
		for _, list := range [][]discover.Instance{got.Instances, got.Unhealthy} {
			if !slices.IsSortedFunc(list, byNode) {
				t.Errorf("not sorted: %+v", list)
			}
		}
		for _, i := range got.Instances {
			if i.Status != discover.Passing {
				t.Errorf("healthy is %+v", i)
			}
		}
		for _, i := range got.Unhealthy {
			if i.Status == discover.Passing {
				t.Errorf("not healthy is %+v", i)
			}
		}
		again, second := registry.Next(t.Context(), discover.Query{Service: "web"}, 0)
		if (err == nil) != (second == nil) || !reflect.DeepEqual(again.Instances, got.Instances) || !reflect.DeepEqual(again.Unhealthy, got.Unhealthy) {
			t.Errorf("got %+v, %v and then %+v, %v", got, err, again, second)
		}
		// What looks after an announcement reads answers too.
		if hash, err := registry.Await(t.Context(), "web-1", ""); err == nil && (hash == "" || status != http.StatusOK) {
			t.Errorf("status %d is the hash %q", status, hash)
		}
	})
}
