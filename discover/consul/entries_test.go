package consul

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/discover"
)

// TestStatusOf: the statuses of an entry's checks come to what Consul's client
// makes of them.
func TestStatusOf(t *testing.T) {
	checks := []api.HealthCheck{
		{Status: "passing"}, {Status: "warning"}, {Status: "critical"}, {Status: "maintenance"}, {Status: ""}, {Status: "x"},
		{CheckID: api.NodeMaint, Status: "critical"}, {CheckID: api.ServiceMaintPrefix + "web-1", Status: "x"},
	}
	for n := range 1 << len(checks) {
		var theirs api.HealthChecks
		var ours entryChecks
		for bit, check := range checks {
			if n>>bit&1 == 1 {
				theirs = append(theirs, &check)
				ours = append(ours, &entryCheck{CheckID: check.CheckID, Status: check.Status})
			}
		}
		want := discover.Status(theirs.AggregatedStatus())
		if want == "" {
			want = discover.Critical
		}
		if got := ours.status(); got != want {
			t.Errorf("%b: got %s, want %s", n, got, want)
		}
	}
}

// lists are seeds for what reads lists.
var lists = []string{
	`[]`, ` [ ] `, `[1]`, `[1,2]`, `[1,]`, `[,1]`, `[,]`, `[1 2]`, `[1],`, `[1]]`, `[[1],[2,[3]]]`, `[{"a":[1,{"b":"]"}]},{}]`,
	`["a\"b","\\","\\\"",","]`, `["\`, `["\"`, `["\\`, `["\u00`, `["\ud800"]`, "[\"\x00\"]", "[\"\xff\"]", `[{]}`, `[}{]`, `[0}""]`, `[{"a":1]]`, `[{}}]`, `null`, `{}`, `"["`, `[null,true,false,-1e9]`,
	`[01]`, `[+1]`, `['a']`, "\ufeff[]", "[\v1]", `[nul]`, `[{"a"}]`, `[{"a":1,}]`, `[1][2]`, `[1]x`, `[`, ``, ` `, `[1`, `["a"`, `[{"a":"b`, `[ {} , {} ]`,
	`[{"Node":{"Node":"n"},"Service":{"ID":"a","Port":1.5}}]`, `[{"Node":{"Node":"n"},"Service":{"ID":"a"},"Checks":[{"Status":"x"}]}, null]`,
}

// FuzzSplit: a list is taken where encoding/json takes it, and comes apart into
// the same elements.
func FuzzSplit(f *testing.F) {
	for _, list := range lists {
		f.Add([]byte(list))
	}
	f.Add([]byte(strings.Repeat("[", deepest+1) + strings.Repeat("]", deepest+1)))
	f.Add([]byte(strings.Repeat("[", deepest) + strings.Repeat("]", deepest)))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []json.RawMessage
		wantErr := json.Unmarshal(text, &want)
		if wantErr == nil && want == nil {
			wantErr = errors.New("null")
		}
		var got []json.RawMessage
		nothing := func([]byte) int { return 0 }
		err := split(text, nothing, func(element []byte) error {
			var one json.RawMessage
			if err := json.Unmarshal(element, &one); err != nil {
				return err
			}
			got = append(got, one)
			return nil
		})
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v, want %v", err, wantErr)
		}
		if err == nil && !slices.EqualFunc(got, want, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// FuzzReuse: whatever was answered before, an answer is the same snapshot, and
// the one that encoding/json makes of all of it.
func FuzzReuse(f *testing.F) {
	for n, list := range lists {
		f.Add([]byte(lists[len(lists)-1-n]), []byte(list))
	}
	// A part that is known, with more behind it; and those that come, go and move.
	f.Add([]byte(`[{"Node":{},"Service":{}}]`), []byte(`[{"Node":{},"Service":{}} 1,{"Node":{},"Service":{}}]`))
	f.Add([]byte(`[{"Node":{},"Service":{}}]`), []byte(`[{"Node":{},"Service":{}}{}]`))
	f.Add([]byte(`[{"Node":{},"Service":{}}]`), []byte(`[{"Node":{},"Service":{}}`))
	f.Add([]byte(`[{"Node":{},"Service":{"ID":"a"}},{"Node":{},"Service":{"ID":"b"}}, {"Node":{},"Service":{"ID":"c"}}]`),
		[]byte(`[{"Node":{},"Service":{"ID":"b"}}, {"Node":{},"Service":{"ID":"x"}} ,{"Node":{},"Service":{"ID":"a"}},{"Node":{},"Service":{"ID":"c"}},{"Node":{},"Service":{"ID":"c"}}]`))
	f.Add([]byte(`[{"Node":{},"Service":{"ID":"a"}}]`), []byte(`[]`))
	some := answerOf(3, -1)
	f.Add(some, answerOf(3, 1))
	f.Add(answerOf(2, -1), some)
	seed := maphash.MakeSeed()
	q := discover.Query{Service: "web"}
	f.Fuzz(func(t *testing.T, before, text []byte) {
		var used entries
		_, _ = used.snapshot(seed, q, before) // it may be refused
		got, err := used.snapshot(seed, q, text)
		fresh, freshErr := new(entries).snapshot(seed, q, text)
		if fmt.Sprint(err) != fmt.Sprint(freshErr) || !reflect.DeepEqual(got, fresh) {
			t.Fatalf("got %+v, %v; and from nothing %+v, %v", got, err, fresh, freshErr)
		}
		var all []*entry
		wantErr := json.Unmarshal(text, &all)
		if wantErr == nil && (all == nil || slices.ContainsFunc(all, func(e *entry) bool {
			return e == nil || e.Node == nil || e.Service == nil || slices.Contains(e.Checks, nil)
		})) {
			wantErr = errors.New("not Consul's")
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("got error %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		instances := make([]discover.Instance, len(all))
		for n, e := range all {
			instances[n] = e.instance()
		}
		if want := discover.NewSnapshot(q, instances); !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// answerOf returns an answer of Consul's with so many instances, of which one,
// if it is not -1, has another version.
func answerOf(size, changed int) []byte {
	text, err := os.ReadFile("testdata/entry.json")
	if err != nil {
		panic(err)
	}
	var all []string
	for n := range size {
		version := "1"
		if n == changed {
			version = "2"
		}
		all = append(all, strings.NewReplacer("web-1", fmt.Sprintf("web-%03d", n), "VERSION", version).Replace(string(text)))
	}
	return []byte("[\n" + strings.Join(all, ",\n") + "\n]")
}

// canned is a registry that answers so, each question with the next of the
// bodies.
type canned struct {
	bodies [][]byte
	asked  int
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	c.asked++
	body := c.bodies[c.asked%len(c.bodies)]
	return &http.Response{
		StatusCode: 200, Request: r, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(string(body))),
		Header: http.Header{"X-Consul-Index": {fmt.Sprint(c.asked)}, "X-Consul-Lastcontact": {"0"}},
	}, nil
}

// BenchmarkChange is what it costs a watch that one of 100 instances changed,
// beside what Consul's client costs, which decodes all of them.
func BenchmarkChange(b *testing.B) {
	var bodies [][]byte
	for n := range 100 {
		bodies = append(bodies, answerOf(100, n))
	}
	b.Run("muster", func(b *testing.B) {
		registry, err := New(&api.Config{Address: "registry", HttpClient: &http.Client{Transport: &canned{bodies: bodies}}}, Config{})
		if err != nil {
			b.Fatal(err)
		}
		source, q := registry.Open(), discover.Query{Service: "web"}
		var last discover.Snapshot
		b.ReportAllocs()
		for b.Loop() {
			answer, err := source.Next(b.Context(), q, 1)
			if err != nil || len(answer.Instances) != 100 {
				b.Fatal(len(answer.Instances), err)
			}
			if c := discover.Compare(last, answer); len(c.Added)+len(c.Removed)+len(c.Changed) == 0 {
				b.Fatal("nothing changed")
			}
			last = answer
		}
	})
	b.Run("consul-api", func(b *testing.B) {
		client, err := api.NewClient(&api.Config{Address: "registry", HttpClient: &http.Client{Transport: &canned{bodies: bodies}}})
		if err != nil {
			b.Fatal(err)
		}
		var last []*api.ServiceEntry
		b.ReportAllocs()
		for b.Loop() {
			answer, _, err := client.Health().Service("web", "", false, &api.QueryOptions{WaitIndex: 1})
			if err != nil || len(answer) != 100 {
				b.Fatal(len(answer), err)
			}
			if reflect.DeepEqual(last, answer) {
				b.Fatal("nothing changed")
			}
			last = answer
		}
	})
}

// TestNoNewsOfIndexes: an entry whose indexes and output changed is the same
// instance, and wakes nobody.
func TestNoNewsOfIndexes(t *testing.T) {
	text := string(answerOf(3, -1))
	var known entries
	q, seed := discover.Query{Service: "web"}, maphash.MakeSeed()
	before, err := known.snapshot(seed, q, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	other := strings.NewReplacer(`"ModifyIndex": `, `"ModifyIndex": 9`, `"Output": "`, `"Output": "and `).Replace(text)
	after, err := known.snapshot(seed, q, []byte(other))
	if err != nil || other == text || len(after.Instances) != 3 || !reflect.DeepEqual(before.Instances, after.Instances) {
		t.Errorf("got %+v, %v; want what was there: %+v", after, err, before)
	}
}
