package state

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
)

// Consul's limits on the metadata of nodes and services.
const (
	maxMetaPairs = 64
	maxMetaKey   = 128
	maxMetaValue = 512
)

var metaKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// MetaFault returns how metadata breaks Consul's limits, in Consul's words; ""
// when it does not. reserved tells which keys nobody may set; nil for none.
func MetaFault(meta map[string]string, reserved func(key string) bool) string {
	if len(meta) > maxMetaPairs {
		return fmt.Sprintf("Node metadata cannot contain more than %d key/value pairs", maxMetaPairs)
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		reason := ""
		switch {
		case key == "":
			reason = "Key cannot be blank"
		case !metaKey.MatchString(key):
			reason = "Key contains invalid characters"
		case len(key) > maxMetaKey:
			reason = fmt.Sprintf("Key is too long (limit: %d characters)", maxMetaKey)
		case reserved != nil && reserved(key):
			reason = "Key prefix 'consul-' is reserved for internal use"
		case len(meta[key]) > maxMetaValue:
			reason = fmt.Sprintf("Value is too long (limit: %d characters)", maxMetaValue)
		default:
			continue
		}
		return fmt.Sprintf("Couldn't load metadata pair ('%s', '%s'): %s", key, meta[key], reason)
	}
	return ""
}
