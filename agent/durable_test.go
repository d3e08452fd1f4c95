package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	kept "github.com/realjf/muster/agent/journal"
	"github.com/realjf/muster/internal/logbook"
)

// durable runs an agent on a folder until end is called.
func durable(t *testing.T, dir string, change func(*agent.Config)) (url string, end func()) {
	t.Helper()
	config := agent.DevConfig()
	config.HTTPAddr, config.Node, config.DataDir = "127.0.0.1:0", "n1", dir
	if change != nil {
		change(&config)
	}
	a, err := agent.New(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }() // ends with ctx; awaited by end
	return "http://" + a.HTTPAddr().String(), func() {
		t.Helper()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}
}

// asked returns the body of an answer, which is to be 200.
func asked(t *testing.T, method, url, body string) string {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %s %v", method, url, response.Status, text, err)
	}
	return string(text)
}

// TestEverythingOutlivesARestart: the catalog with what the agent announces, as
// it fared, keys with their locks, sessions, queries and config entries.
func TestEverythingOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	url, end := durable(t, dir, nil)
	for _, service := range []string{
		`{"Name":"web","Port":80,"Meta":{"a":"b"},"Checks":[{"TTL":"1h"},{"CheckID":"late","TTL":"1h","DeregisterCriticalServiceAfter":"50h"}]}`,
		`{"Name":"db","Port":5432,"Connect":{"SidecarService":{}}}`,
	} {
		asked(t, "PUT", url+"/v1/agent/service/register", service)
	}
	asked(t, "PUT", url+"/v1/agent/check/register", `{"Name":"alive","TTL":"1h","Status":"passing"}`)
	asked(t, "PUT", url+"/v1/agent/check/pass/service:web:1?note=fine", "")
	asked(t, "PUT", url+"/v1/agent/check/warn/late?note=slow", "")
	asked(t, "PUT", url+"/v1/agent/service/maintenance/web?enable=true&reason=why", "")
	asked(t, "PUT", url+"/v1/catalog/register", `{"Node":"out","Address":"10.0.0.1","Service":{"Service":"mail"}}`)
	var session struct{ ID string }
	if err := json.Unmarshal([]byte(asked(t, "PUT", url+"/v1/session/create", `{"TTL":"1h"}`)), &session); err != nil {
		t.Fatal(err)
	}
	asked(t, "PUT", url+"/v1/kv/lock?acquire="+session.ID, "mine")
	asked(t, "PUT", url+"/v1/kv/gone", "")
	asked(t, "DELETE", url+"/v1/kv/gone", "")
	asked(t, "POST", url+"/v1/query", `{"Name":"q","Service":{"Service":"web"}}`)
	asked(t, "PUT", url+"/v1/config", `{"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http"}}`)

	said := func() string {
		var all strings.Builder
		for _, path := range []string{
			"catalog/nodes", "catalog/services", "health/service/web", "health/state/any", "health/connect/db", "catalog/service/mail",
			"agent/services", "agent/checks", "kv/?recurse", "session/list", "query", "config/proxy-defaults",
		} {
			fmt.Fprintf(&all, "%s %s\n", path, asked(t, "GET", url+"/v1/"+path, ""))
		}
		return all.String()
	}
	want := said()
	for range 2 {
		end()
		url, end = durable(t, dir, nil)
		got, wanted := strings.Split(said(), "\n"), strings.Split(want, "\n")
		for n := range min(len(got), len(wanted)) {
			if got[n] != wanted[n] {
				t.Errorf("line %d\ngot  %s\nwant %s", n, got[n], wanted[n])
			}
		}
		if len(got) != len(wanted) {
			t.Errorf("got %d lines, want %d", len(got), len(wanted))
		}
	}
	// It goes on as before: what it announces it can withdraw, with its sidecar.
	asked(t, "PUT", url+"/v1/agent/check/pass/late", "")
	asked(t, "PUT", url+"/v1/agent/service/maintenance/web?enable=false", "")
	asked(t, "PUT", url+"/v1/agent/service/deregister/db", "")
	end()
	url, end = durable(t, dir, nil)
	defer end()
	if got := asked(t, "GET", url+"/v1/agent/services", ""); strings.Contains(got, "db") {
		t.Errorf("what was withdrawn is there again: %s", got)
	}
	if got := asked(t, "GET", url+"/v1/health/service/web?passing", ""); got != "[]" { // its first check is as it was, late passes
		var instances []any
		if err := json.Unmarshal([]byte(got), &instances); err != nil || len(instances) != 1 {
			t.Errorf("got %s, want one instance", got)
		}
	}
}

// TestConfigurationAfterARestart: what a configuration announces keeps its
// status over a restart, and goes when the next one does not name it; what
// clients announced stays.
func TestConfigurationAfterARestart(t *testing.T) {
	dir := t.TempDir()
	says := func(services ...string) func(*agent.Config) {
		return func(c *agent.Config) {
			for _, s := range services {
				c.Services = append(c.Services, agent.Definition{Where: "here", Body: []byte(s)})
			}
		}
	}
	url, end := durable(t, dir, says(`{"Name":"stays","Check":{"TTL":"1h"}}`, `{"Name":"goes"}`))
	asked(t, "PUT", url+"/v1/agent/service/register", `{"Name":"own"}`)
	asked(t, "PUT", url+"/v1/agent/check/pass/service:stays", "")
	end()
	url, end = durable(t, dir, says(`{"Name":"stays","Port":1,"Check":{"TTL":"1h"}}`))
	defer end()
	var services map[string]struct{ Port int }
	if err := json.Unmarshal([]byte(asked(t, "GET", url+"/v1/agent/services", "")), &services); err != nil {
		t.Fatal(err)
	}
	if len(services) != 2 || services["stays"].Port != 1 {
		t.Errorf("got %v, want own and stays, as it is now", services)
	}
	if got := asked(t, "GET", url+"/v1/health/service/stays?passing", ""); !strings.Contains(got, `"service:stays"`) {
		t.Errorf("what passed before the restart does not: %s", got)
	}
}

// TestAnotherNameForTheNode: what was announced comes along, under the id that
// the node had.
func TestAnotherNameForTheNode(t *testing.T) {
	dir := t.TempDir()
	url, end := durable(t, dir, nil)
	asked(t, "PUT", url+"/v1/agent/service/register", `{"Name":"web","Check":{"TTL":"1h"}}`)
	asked(t, "PUT", url+"/v1/agent/check/pass/service:web", "")
	var before, after []struct{ ID, Node string }
	if err := json.Unmarshal([]byte(asked(t, "GET", url+"/v1/catalog/nodes", "")), &before); err != nil {
		t.Fatal(err)
	}
	end()
	for range 2 {
		url, end = durable(t, dir, func(c *agent.Config) { c.Node = "n2" })
		if err := json.Unmarshal([]byte(asked(t, "GET", url+"/v1/catalog/nodes", "")), &after); err != nil {
			t.Fatal(err)
		}
		if len(after) != 1 || after[0].Node != "n2" || after[0].ID != before[0].ID {
			t.Errorf("the nodes are %v, want n2 alone, with the id of %v", after, before)
		}
		if got := asked(t, "GET", url+"/v1/health/service/web?passing", ""); !strings.Contains(got, `"service:web"`) {
			t.Errorf("web is not there any more: %s", got)
		}
		if got := asked(t, "GET", url+"/v1/agent/services", ""); !strings.Contains(got, `"web"`) {
			t.Errorf("the agent does not know web any more: %s", got)
		}
		end()
	}
}

// TestLockDelayAfterARestart: a lock that was lost is not taken too early.
func TestLockDelayAfterARestart(t *testing.T) {
	dir := t.TempDir()
	url, end := durable(t, dir, nil)
	session := func() string {
		var s struct{ ID string }
		if err := json.Unmarshal([]byte(asked(t, "PUT", url+"/v1/session/create", `{"LockDelay":"50s"}`)), &s); err != nil {
			t.Fatal(err)
		}
		return s.ID
	}
	first := session()
	asked(t, "PUT", url+"/v1/kv/lock?acquire="+first, "")
	asked(t, "PUT", url+"/v1/session/destroy/"+first, "")
	for range 2 {
		if got := asked(t, "PUT", url+"/v1/kv/lock?acquire="+session(), ""); strings.TrimSpace(got) != "false" {
			t.Errorf("the lock was taken within its delay: %s", got)
		}
		end()
		url, end = durable(t, dir, nil)
	}
	end()
}

// TestOneAgentForAFolder: a second one is told whose it is.
func TestOneAgentForAFolder(t *testing.T) {
	dir := t.TempDir()
	_, end := durable(t, dir, nil)
	defer end()
	config := agent.DevConfig()
	config.HTTPAddr, config.DataDir = "127.0.0.1:0", dir
	if _, err := agent.New(config); !errors.Is(err, kept.ErrInUse) {
		t.Errorf("got %v, want %v", err, kept.ErrInUse)
	}
}

// TestAFolderThatIsGone is told of while nobody writes.
func TestAFolderThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "k")
		var log logbook.Book
		a := agenttest.Start(t, agenttest.InMemory, func(c *agent.Config) { c.DataDir, c.Logger = dir, log.Logger() })
		time.Sleep(kept.LookEvery - 2*time.Second)
		if _, err := a.Client().KV().Put(&consul.KVPair{Key: "k"}, nil); err != nil { // the folder is seen
			t.Fatal(err)
		}
		if err := os.Rename(dir, dir+"2"); err != nil {
			t.Skip("this system does not move what is open:", err)
		}
		time.Sleep(kept.LookEvery)
		synctest.Wait()
		if got := len(log.Lines()); got != 2 {
			t.Errorf("%s after the folder went: got %d lines, want that it was told", kept.LookEvery, got)
		}
		if err := os.Rename(dir+"2", dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * kept.LookEvery)
		synctest.Wait()
		log.Expect(t, "registry is open", "removed or moved while the agent runs", "can be written again")
	})
}

// TestScriptsAfterARestart: a check that runs a program does not come back
// where that is not allowed any more.
func TestScriptsAfterARestart(t *testing.T) {
	dir := t.TempDir()
	url, end := durable(t, dir, func(c *agent.Config) { c.RemoteScripts = true })
	asked(t, "PUT", url+"/v1/agent/check/register", `{"Name":"script","Args":["true"],"Interval":"1h"}`)
	end()
	url, end = durable(t, dir, nil)
	defer end()
	if got := asked(t, "GET", url+"/v1/agent/checks", ""); got != "{}" {
		t.Errorf("got %s, want no checks", got)
	}
	if got := asked(t, "GET", url+"/v1/health/state/any", ""); strings.Contains(got, "script") {
		t.Errorf("the catalog still has it, and nobody looks: %s", got)
	}
}
