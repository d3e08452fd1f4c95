package command

import (
	"net/http"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/agenttest"
)

// putPath writes a key whose name stands escaped, as any bytes can.
func putPath(t *testing.T, registry *agenttest.Agent, path, value string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+registry.Addr+"/v1/kv/"+path, strings.NewReader(value))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("PUT %s: %s", path, response.Status)
	}
}

// TestKeysWhoseNamesAreNotUTF8: a registry tells them under one name, that of
// neither; they are left out and named, and no key is made up. A name that has
// the rune that stands for them comes along.
func TestKeysWhoseNamesAreNotUTF8(t *testing.T) {
	from, to := agenttest.Start(t), agenttest.Start(t)
	put(t, from, "m/a", "1")
	putPath(t, from, "m/%ff", "2")
	putPath(t, from, "m/%fe", "3")
	putPath(t, from, "n/%ff", "4")
	put(t, from, "n/\ufffd", "5", "n/ö", "6")
	putPath(t, to, "n/%fd", "other")

	code, stdout, stderr := muster(t, "export", "-http-addr", from.Addr, "-only", "kv", "-")
	if code != exitOK || !strings.Contains(stderr, "kv     3         3\n") ||
		!strings.Contains(stderr, `left out "m/\ufffd", "m/\ufffd", "n/\ufffd": its name is no UTF-8`) {
		t.Errorf("export: %d, %s", code, stderr)
	}
	if got := strings.Count(stdout, `"key": `); got != 3 {
		t.Errorf("%d keys are in the file, want 3:\n%s", got, stdout)
	}
	file := exported(t, from.Addr)
	code, stdout, stderr = muster(t, "import", "-http-addr", to.Addr, "-dry-run", file)
	if code != exitOK || strings.Contains(stdout, "\n~ ") || !strings.Contains(stdout, "kv     3     0           0         0               3 ") {
		t.Errorf("dry run: %d\n%s%s", code, stdout, stderr)
	}
	code, stdout, stderr = muster(t, "import", "-http-addr", to.Addr, file)
	if code != exitOK || !strings.Contains(stdout, "read back: all of it is there") {
		t.Errorf("import: %d\n%s%s", code, stdout, stderr)
	}
	for key, want := range map[string]string{"m/a": "1", "n/\ufffd": "5", "n/ö": "6", "m/\ufffd": "", "m/\xff": "", "n/\xfd": "other"} {
		if got := valueOf(t, to, key); got != want {
			t.Errorf("%q is %q, want %q", key, got, want)
		}
	}
}
