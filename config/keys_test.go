package config

import (
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
			found = found || strings.Contains(line, "`"+k.path+"`") && strings.Contains(line, k.fate.why)
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
