package config

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/realjf/muster/internal/keyfile"
)

// TestConfigurationPageHasEveryKey keeps docs/configuration.md in step with the
// table: each key stands there, and one that has no effect beside its reason.
func TestConfigurationPageHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, k := range keys {
		top, _, _ := strings.Cut(strings.ReplaceAll(k.path, "[]", ""), ".")
		if top == "service" || top == "services" || top == "check" || top == "checks" || strings.Contains(k.path, "[].") {
			continue // Consul's reference has them
		}
		found := false
		for _, line := range lines {
			row := "| " + k.fate.why + " | "
			if k.fate == served {
				row = "| `"
			}
			found = found || strings.Contains(line, "`"+k.path+"`") && strings.HasPrefix(line, row)
		}
		if !found {
			t.Errorf("%s (%s) does not stand in docs/configuration.md", k.path, k.fate.why)
		}
	}
}

func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range keys {
		if seen[k.path] {
			t.Errorf("%s stands in the table twice", k.path)
		}
		seen[k.path] = true
	}
	for _, o := range options {
		kind, known := kinds[o.key]
		if !known || kind == keyfile.Block || kind == keyfile.Blocks || kind == keyfile.Any {
			t.Errorf("-%s sets %s, which is no key that an option could set", o.name, o.key)
		}
	}
	for alias, name := range aliases {
		if seen[alias] {
			t.Errorf("%s is a key, and another name of %s", alias, name)
		}
	}
}

// FuzzAgentFile: whatever a file says, it is an agent that can be started, or
// an error that names the file.
func FuzzAgentFile(f *testing.F) {
	for _, seed := range []string{
		``, `ports { http = 0 https = -1 } addresses { http = "127.0.0.1 unix:///x" }`, `service { name = "web" check { ttl = "5s" id = "c" } }`,
		`services = [{ id = "a" name = "b" tagged_addresses { lan { address = "::1" port = 1 } } connect { sidecar_service { port = 0 } } }]`,
		`check { id = "x" tcp = "127.0.0.1:1" interval = "1s" } checks { name = "y" service_id = "web" ttl = "1s" }`,
		`node_meta { a = "b" } node_id = "adf4238a-882b-9ddc-4a9d-5b6758e4159e" advertise_addr = "[::1]"`,
		`http_config { allow_write_http_from = ["10.0.0.0/8"] response_headers { a = "b" } } limits { http_max_conns_per_client = -1 }`,
		`dns_config { service_ttl { "*" = "5s" } soa { retry = 1 } } recursors = ["x"] acl { enabled = true } watches = [{ a = { b = 1 } }]`,
		`client_addr = "{{ GetPrivateIP }}" bind_addr = "{{" log_level = "x" retry_join = [""] telemetry { prefix_filter = ["+a"] }`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "file") || strings.Contains(text, "path") {
			t.Skip("it would read what is on this machine")
		}
		g := &given{dev: true, hcl: []string{text}}
		a, err := g.agent()
		if err != nil {
			if !strings.Contains(err.Error(), "-hcl") && a.Registry.Validate() == nil {
				t.Errorf("%q: the error does not say where: %v", text, err)
			}
			return
		}
		for _, d := range append(a.Registry.Services, a.Registry.Checks...) {
			if !json.Valid(d.Body) || !strings.Contains(d.Where, "-hcl:") {
				t.Errorf("%q: got the definition %s at %s", text, d.Body, d.Where)
			}
		}
	})
}
