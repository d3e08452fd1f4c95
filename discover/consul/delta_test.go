package consul

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"reflect"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
)

// counted counts the answers by status.
type counted struct{ status map[int]int }

func (c *counted) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		c.status[response.StatusCode]++
	}
	return response, err
}

// TestDeltasAreTheWhole changes a service on muster's registry again and again:
// who follows it with deltas sees what the whole answer says.
func TestDeltasAreTheWhole(t *testing.T) {
	agent := agenttest.Start(t)
	defer http.DefaultClient.CloseIdleConnections()
	count := &counted{map[int]int{}}
	registry, err := New(&api.Config{Address: agent.Addr, HttpClient: &http.Client{Transport: count}}, Config{})
	if err != nil {
		t.Fatal(err)
	}
	following := registry.Open()
	defer following.Close()
	client, q := agent.Client(), discover.Query{Service: "web"}
	chance := rand.New(rand.NewPCG(1, 2))
	look := func(what string) {
		t.Helper()
		got, err := following.Next(t.Context(), q, 0)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		want, err := registry.Next(t.Context(), q, 0)
		got.Confirmed, got.Err = want.Confirmed, nil // a connection may have broken
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %+v, want %+v, %v", what, got, want, err)
		}
	}
	change := func() error {
		id := fmt.Sprint("web-", chance.IntN(12))
		switch chance.IntN(5) {
		case 0:
			_ = client.Agent().ServiceDeregister(id) // it need not be there
			return nil
		case 1:
			_ = client.Agent().UpdateTTL("service:"+id, "said", []string{"pass", "warn", "fail"}[chance.IntN(3)])
			return nil
		case 2:
			_, err := client.Catalog().Register(&api.CatalogRegistration{Node: fmt.Sprint("node-", chance.IntN(3)), Address: fmt.Sprint("10.0.0.", chance.IntN(9)),
				Service: &api.AgentService{ID: id, Service: "web", Port: chance.IntN(3)}}, nil)
			return err
		default:
			return client.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: id, Name: "web", Port: 1 + chance.IntN(3),
				Check: &api.AgentServiceCheck{TTL: "1h", Status: "passing"}})
		}
	}
	const rounds = 200
	for n := range rounds {
		for range chance.IntN(4) {
			if err := change(); err != nil {
				t.Fatal(err)
			}
		}
		look(fmt.Sprint("round ", n))
	}
	if count.status[http.StatusIMUsed] < rounds/2 {
		t.Errorf("answers by status: %v, want a delta for most of %d rounds", count.status, rounds)
	}
	heal := agent.Fail(agenttest.Empty)
	if got, err := following.Next(t.Context(), q, 0); err != nil || got.Known() != 0 {
		t.Errorf("an empty answer: got %+v, %v", got, err)
	}
	heal()
	look("after an empty answer")
	agent.Restart()
	look("after a restart")
}

// FuzzDelta: whatever the last answer was, a delta that is taken is the same as
// the whole list that it stands for.
func FuzzDelta(f *testing.F) {
	some, other := answerOf(3, -1), answerOf(1, 0)
	f.Add(some, []byte(`[[0,3]]`))
	f.Add(some, []byte(`[[2,1],`+string(other[1:len(other)-1])+`,[0,2]]`))
	for _, text := range []string{`[]`, `[[0,0]]`, `[[0,4]]`, `[[0,2],[1,1]]`, `[[1,1],[1,1]]`, `[[-1,1]]`, `[[3,1]]`, `[[1]]`, `[[0,1,2]]`, `[[0.5,1]]`, `[["0",1]]`, `[[9223372036854775807,9223372036854775807]]`, `[[]]`, `[null]`, `[ [0, 1] , [1,1] ]`} {
		f.Add(some, []byte(text))
	}
	seed := maphash.MakeSeed()
	q := discover.Query{Service: "web"}
	f.Fuzz(func(t *testing.T, before, text []byte) {
		var used entries
		if _, err := used.snapshot(seed, q, before); err != nil {
			return
		}
		got, err := used.since(seed, q, text)
		if err != nil {
			return
		}
		var had, parts, whole []json.RawMessage
		if err := json.Unmarshal(before, &had); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &parts); err != nil {
			t.Fatalf("taken, though it is no JSON: %v", err)
		}
		named := map[int]bool{}
		for _, part := range parts {
			var at [2]int
			if part[0] != '[' {
				whole = append(whole, part)
			} else if err := json.Unmarshal(part, &at); err != nil {
				t.Fatal(err)
			} else {
				for n := at[0]; n < at[0]+at[1]; n++ {
					if named[n] {
						t.Errorf("taken, though it names the entry %d twice: %s", n, text)
					}
					named[n] = true
				}
				whole = append(whole, had[at[0]:at[0]+at[1]]...)
			}
		}
		list, err := json.Marshal(append([]json.RawMessage{}, whole...))
		if err != nil {
			t.Fatal(err)
		}
		want, err := new(entries).snapshot(seed, q, list)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v, %v", got, want, err)
		}
	})
}
