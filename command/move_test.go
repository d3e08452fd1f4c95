package command

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// put writes keys, named as in a list of key, value, key, value.
func put(t *testing.T, registry *agenttest.Agent, pairs ...string) {
	t.Helper()
	for n := 0; n < len(pairs); n += 2 {
		if _, err := registry.Client().KV().Put(&consul.KVPair{Key: pairs[n], Value: []byte(pairs[n+1])}, nil); err != nil {
			t.Fatal(err)
		}
	}
}

// valueOf reads a key; what is not there is nothing.
func valueOf(t *testing.T, registry *agenttest.Agent, key string) string {
	t.Helper()
	pair, _, err := registry.Client().KV().Get(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	if pair == nil {
		return ""
	}
	return string(pair.Value)
}

// exported exports a registry into a file.
func exported(t *testing.T, registry string, flags ...string) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "export.json")
	if code, _, stderr := muster(t, append(append([]string{"export", "-http-addr", registry}, flags...), file)...); code != exitOK {
		t.Fatalf("export: %d, %s", code, stderr)
	}
	return file
}

func TestExportIsForItsOwnerAlone(t *testing.T) {
	registry := agenttest.Start(t)
	put(t, registry, "secret", "x")
	file := exported(t, registry.Addr)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
	if files, err := os.ReadDir(filepath.Dir(file)); err != nil || len(files) != 1 {
		t.Errorf("something was left behind: %v, %v", files, err)
	}
	code, stdout, stderr := muster(t, "export", "-http-addr", registry.Addr, "-only", "kv", "-prefix", "sec", "-")
	if code != exitOK || !strings.Contains(stdout, `"key": "secret"`) || strings.Contains(stdout, "Kind  ") || !strings.Contains(stderr, "Kind   Written   Left out\nkv     1         0\n") {
		t.Errorf("to standard output: %d, %s, %s", code, stdout, stderr)
	}
}

// TestImportSaysWhatDiffers: what is there and otherwise stops all of it, until
// somebody chose; a dry run writes nothing.
func TestImportSaysWhatDiffers(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	put(t, from, "a", "1", "b", "2", "c", "3")
	put(t, to, "b", "other", "c", "3", "d", "4")
	file := exported(t, from.Addr)
	for _, step := range []struct {
		flags []string
		code  int
		says  []string
		b, a  string // afterwards
	}{
		{[]string{"-dry-run"}, exitOK, []string{"+ key a\n", "~ key b\n", "nothing was written: it is a dry run\n"}, "other", ""},
		{nil, exitFailed, []string{"differs: key b: there, and otherwise than in the file\n", "nothing was written: 1 are there and differ"}, "other", ""},
		{[]string{"-keep"}, exitOK, []string{"kv     1     1           1         1               0          0\n", "read back: all of it is there"}, "other", "1"},
		{[]string{"-overwrite"}, exitOK, []string{"kv     0     1           1         2               0          0\n", "read back: all of it is there"}, "2", "1"},
		{nil, exitOK, []string{"nothing was to be written\n"}, "2", "1"},
		{[]string{"-overwrite", "-keep"}, exitUsage, []string{"-overwrite and -keep exclude each other"}, "2", "1"},
	} {
		code, stdout, stderr := muster(t, append(append([]string{"import", "-http-addr", to.Addr}, step.flags...), file)...)
		if code != step.code {
			t.Errorf("%v: exit code %d, want %d", step.flags, code, step.code)
		}
		for _, want := range step.says {
			if !strings.Contains(stdout+stderr, want) {
				t.Errorf("%v: %q is not said:\n%s%s", step.flags, want, stdout, stderr)
			}
		}
		if a, b := valueOf(t, to, "a"), valueOf(t, to, "b"); a != step.a || b != step.b {
			t.Errorf("%v: a is %q, b is %q; want %q and %q", step.flags, a, b, step.a, step.b)
		}
	}
	if got := valueOf(t, to, "d"); got != "4" {
		t.Errorf("what is not in the file is %q", got)
	}
}

// TestImportOfNothing: where all was left out, the last line says so.
func TestImportOfNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "all.json")
	text := `{"Format":"muster export","Version":1,"Content":{"From":{},"Left":[{"Kind":"services","Name":"web","Reason":"its checks are not known"}]}}`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := muster(t, "import", "-http-addr", agenttest.Start(t).Addr, file)
	if code != exitOK || !strings.HasSuffix(stdout, "nothing was to be written\nleft out: 1 of 1; above is why\n") {
		t.Errorf("got %d, %s%s", code, stdout, stderr)
	}
}

func TestImportTakesAPart(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	put(t, from, "a/1", "1", "b/1", "2")
	if err := from.Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web"}); err != nil {
		t.Fatal(err)
	}
	file := exported(t, from.Addr)
	if code, _, stderr := muster(t, "import", "-http-addr", to.Addr, "-only", "kv, queries", "-prefix", "a/", file); code != exitOK {
		t.Fatal(code, stderr)
	}
	services, err := to.Client().Agent().Services()
	if err != nil || len(services) != 0 || valueOf(t, to, "a/1") != "1" || valueOf(t, to, "b/1") != "" {
		t.Errorf("services %v, %v; a/1 %q; b/1 %q", services, err, valueOf(t, to, "a/1"), valueOf(t, to, "b/1"))
	}
}

// TestImportRefusesBeforeItWrites: what the registry would not take is found
// out first.
func TestImportRefusesBeforeItWrites(t *testing.T) {
	to := agenttest.Start(t)
	write := func(content string) (file string) {
		file = filepath.Join(t.TempDir(), "export.json")
		if err := os.WriteFile(file, []byte(`{"Format":"muster export","Version":1,"Content":`+content+`}`), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for content, want := range map[string]string{
		`{"Keys":[{"key":"a","value":"eA=="},{"key":"big","value":"` + strings.Repeat("eHh4", 200_000) + `"}]}`:                                               `refused: key big: its value has 600000 bytes, and the registry takes 524288`,
		`{"Keys":[{"key":"a","value":"eA=="}],"ConfigEntries":[{"Kind":"service-resolver","Name":"web","Redirect":{}}]}`:                                      `refused: config entry service-resolver web: `,
		`{"Keys":[{"key":"a","value":"eA=="}],"ConfigEntries":[{"Kind":"inline-certificate","Name":"x","Certificate":"-","PrivateKey":"-"}]}`:                 `refused: config entry inline-certificate x: 501`,
		`{"Keys":[{"key":"a","value":"eA=="}],"ConfigEntries":[{"Kind":"odd","Name":"x"}]}`:                                                                   `refused: config entry odd x: `,
		`{"Keys":[{"key":"a","value":"eA=="}],"Nodes":[{"Node":{"Node":"other","Address":"10.0.0.1","ID":"` + idOf(t, to) + `"},"Services":[],"Checks":[]}]}`: `refused: node other: its id`,
	} {
		code, stdout, stderr := muster(t, "import", "-http-addr", to.Addr, write(content))
		if code != exitFailed || !strings.Contains(stdout, want) || !strings.Contains(stderr, "nothing was written: the registry would not take 1 of it") {
			t.Errorf("%.120s: %d\n%s%s", content, code, stdout, stderr)
		}
		if got := valueOf(t, to, "a"); got != "" {
			t.Errorf("%.120s: a key was written, %q", content, got)
		}
	}
}

func idOf(t *testing.T, registry *agenttest.Agent) string {
	t.Helper()
	self, err := registry.Client().Agent().Self()
	if err != nil {
		t.Fatal(err)
	}
	return self["Config"]["NodeID"].(string)
}

// before is a registry whose requests go through a hand first, which may answer
// them itself.
func before(t *testing.T, registry *agenttest.Agent, hand func(w http.ResponseWriter, r *http.Request) (answered bool)) (address string) {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: registry.Addr})
	transport := &http.Transport{}
	proxy.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hand(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	return server.Listener.Addr().String()
}

// TestImportGoesOnAfterAFailure: what was written is said and stays, and the
// same command does the rest.
func TestImportGoesOnAfterAFailure(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	for n := range 100 {
		put(t, from, fmt.Sprintf("key/%03d", n), "x")
	}
	file := exported(t, from.Addr)
	var transactions atomic.Int32
	address := before(t, to, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/txn" || transactions.Add(1) != 2 {
			return false
		}
		http.Error(w, "no room", http.StatusInternalServerError)
		return true
	})
	code, stdout, stderr := muster(t, "import", "-http-addr", address, file)
	if code != exitFailed || !strings.Contains(stdout, "kv     100   0           64        0               0          0\n") ||
		!strings.Contains(stderr, `write keys from "key/064": Failed request: no room; what the table says was written stays, and the same command again goes on from there`) {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	if code, stdout, stderr = muster(t, "import", "-http-addr", address, file); code != exitOK || !strings.Contains(stdout, "kv     36    0           36        64              0          0\n") {
		t.Errorf("again: %d\n%s%s", code, stdout, stderr)
	}
}

// TestImportOverwritesNobodyWhoCameMeanwhile: a key that is written between the
// look and the write is not lost.
func TestImportOverwritesNobodyWhoCameMeanwhile(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	put(t, from, "a", "the file's")
	file := exported(t, from.Addr)
	address := before(t, to, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v1/txn" {
			put(t, to, "a", "somebody's")
		}
		return false
	})
	code, _, stderr := muster(t, "import", "-http-addr", address, file)
	if code != exitFailed || !strings.Contains(stderr, `write keys from "a": `) || valueOf(t, to, "a") != "somebody's" {
		t.Errorf("%d, %s; the key is %q", code, stderr, valueOf(t, to, "a"))
	}
}

// TestServicesOfARegistryThatTellsNoChecks: as one of Consul's, which says what
// its checks are called, and not what they look at.
func TestServicesOfARegistryThatTellsNoChecks(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	for _, service := range []*consul.AgentServiceRegistration{
		{Name: "plain", Port: 1},
		{Name: "checked", Port: 2, Check: &consul.AgentServiceCheck{TTL: "1h"}},
	} {
		if err := from.Client().Agent().ServiceRegister(service); err != nil {
			t.Fatal(err)
		}
	}
	if err := from.Client().Agent().EnableServiceMaintenance("plain", "later"); err != nil {
		t.Fatal(err)
	}
	file := exported(t, before(t, from, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/agent/check/definitions" {
			return false
		}
		http.NotFound(w, r)
		return true
	}))
	code, stdout, stderr := muster(t, "import", "-http-addr", to.Addr, file)
	if code != exitOK || !strings.Contains(stdout, "left out: service checked: check service:checked: what it looks at is told by no agent of Consul's") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	if checks, err := to.Client().Agent().Checks(); err != nil || checks["_service_maintenance:plain"].Notes != "later" {
		t.Errorf("the service in maintenance has %v, %v", checks, err)
	}
	code, stdout, stderr = muster(t, "import", "-http-addr", to.Addr, "-without-checks", file)
	if code != exitOK || !strings.Contains(stdout, "note: service checked: without check service:checked\n") {
		t.Errorf("%d\n%s%s", code, stdout, stderr)
	}
	// The program announces itself again: what it says is not what the file does.
	if err := to.Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "checked", Port: 3, Check: &consul.AgentServiceCheck{TTL: "1h"}}); err != nil {
		t.Fatal(err)
	}
	if code, stdout, _ = muster(t, "import", "-http-addr", to.Addr, "-without-checks", file); code != exitFailed || !strings.Contains(stdout, "differs: service checked: ") {
		t.Errorf("%d\n%s", code, stdout)
	}
	if code, _, stderr = muster(t, "import", "-http-addr", to.Addr, "-without-checks", "-overwrite", file); code != exitOK {
		t.Errorf("%d, %s", code, stderr)
	}
	checks, err := to.Client().Agent().Checks()
	if err != nil || checks["service:checked"] != nil {
		t.Errorf("the check is there still: %v, %v", checks, err)
	}
}

// TestImportFromStandardInput reads what export wrote to standard output.
func TestImportFromStandardInput(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	put(t, from, "a", "1")
	_, text, _ := muster(t, "export", "-http-addr", from.Addr, "-")
	var out, err bytes.Buffer
	program := root(&out, &err)
	program.Reader = strings.NewReader(text)
	if err := program.Run(t.Context(), []string{"muster", "import", "-http-addr", to.Addr, "-"}); err != nil || valueOf(t, to, "a") != "1" {
		t.Errorf("%v\n%s", err, out.String())
	}
}
