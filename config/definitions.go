package config

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/internal/keyfile"
)

// definitions returns the services, checks or config entries of a key as what
// would register or store them over HTTP, but for those of which something is
// wrong already.
func (s *settler) definitions(key string) []agent.Definition {
	list, _ := value[keyfile.List](s, key)
	var all []agent.Definition
	for n, item := range list {
		if item.Partial {
			continue
		}
		body, err := json.Marshal(asBody(item, key+"[]"))
		where := fmt.Sprintf("%v: %s[%d]", item.Place, key, n)
		if err != nil {
			s.faults = append(s.faults, fmt.Errorf("%s: %w", where, err))
			continue
		}
		all = append(all, agent.Definition{Where: where, Body: body})
	}
	return all
}

// asBody returns a value as the API takes it: its keys are those of the files
// without underscores, except where they are names of the user's own.
func asBody(node *keyfile.Node, path string) any {
	_, leaf := kinds[path]
	if _, anything := kinds[path+".*"]; leaf || anything {
		return node.Plain() // a config entry's decoder takes both spellings
	}
	object, _ := node.Value.(keyfile.Object)
	if list, ok := node.Value.(keyfile.List); ok {
		all := make([]any, len(list))
		for i, item := range list {
			all[i] = asBody(item, path+"[]")
		}
		return all
	}
	body := map[string]any{}
	for _, m := range object {
		name, at := m.Key, path+"."+m.Key
		switch {
		case strings.HasSuffix(path, ".tagged_addresses"):
			at = path + ".*"
		case name == "id" && (strings.HasSuffix(path, ".check") || strings.HasSuffix(path, ".checks[]")):
			name = "CheckID" // as the API calls that of a service's check
		default:
			name = strings.ReplaceAll(name, "_", "")
		}
		body[name] = asBody(m.Node, at)
	}
	return body
}
