package agent

import (
	"reflect"
	"slices"
	"testing"
)

// TestEverySettingHasItsKeys: whoever is told of a setting can find it in the
// files. What no key sets, or definitions set, has none.
func TestEverySettingHasItsKeys(t *testing.T) {
	none := []string{"Services", "Checks", "ConfigEntries", "Logger", "Reload", "Listeners", "Front", "Stay", "DNSIfFree", "Version"}
	reloaded := []string{"ResponseHeaders", "BlockEndpoints", "AllowWriteFrom", "DiscoveryMaxStale", "EnableDebug", "DefaultWait", "LongestWait",
		"RemoteScripts", "LocalScripts", "DiscardCheckOutput"}
	fields := reflect.TypeFor[Config]()
	for n := range fields.NumField() {
		name := fields.Field(n).Name
		if (keys[name] == nil) != slices.Contains(slices.Concat(none, reloaded), name) {
			t.Errorf("%s has the keys %q in agent/keys.go: give it those of Consul's files that set it, or a place in this test", name, keys[name])
		}
	}
	for name := range keys {
		if _, known := fields.FieldByName(name); !known {
			t.Errorf("there are keys for %s, which is no setting", name)
		}
	}
}
