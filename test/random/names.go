package random

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Names are the names of what one registry made up in one sequence. They are
// used by one goroutine at a time.
type Names struct {
	node     string            // what the registry calls its own node
	values   map[string]string // what {name} stands for in a request
	names    map[string]string // of ids and indexes in an answer
	sessions int               // created so far
}

// NewNames returns the names for a new sequence. Each run has keys of its own,
// because what delays their locking outlives them. node is what the registry
// calls its own node.
func NewNames(run int, node string) *Names {
	return &Names{node: node, values: map[string]string{"run": fmt.Sprintf("r%d", run)}, names: map[string]string{}}
}

// Session names the session that an answer to its creation has the id of.
func (n *Names) Session(content []byte) {
	n.sessions++
	name, id := fmt.Sprint("s", n.sessions), uuids.FindString(string(content))
	n.values[name], n.names[id] = id, name
}

var placeholder = regexp.MustCompile(`\{[a-z][^{}":,]*\}`)

// Fill puts what the names in a request stand for in their places: an id that
// nothing has for a session that is none, 0 for the index of what is not there.
func (n *Names) Fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		name = name[1 : len(name)-1]
		value, known := n.values[name]
		switch {
		case known:
			return value
		case name[0] == 's':
			return noSession + name[1:]
		default:
			return "0"
		}
	})
}

const noSession = "5e551011-0000-0000-0000-00000000000"

// JSON returns a body without what the registry made up, and remembers at
// which index things are.
func (n *Names) JSON(path string, content []byte) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("%s: %w", content, err)
	}
	text, err := json.MarshalIndent(n.general(value, path), "", "  ")
	return string(text), err
}

// general is JSON for one value of a body.
func (n *Names) general(value any, path string) any {
	switch value := value.(type) {
	case map[string]any:
		n.note(value)
		return n.generalFields(value, path)
	case []any:
		for at := range value {
			value[at] = n.general(value[at], path)
		}
		if strings.HasPrefix(path, "/v1/session/") || strings.HasPrefix(path, "/v1/agent/health/") || path == "/v1/catalog/services" { // sorted by ids, or not at all
			slices.SortFunc(value, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return value
	case string:
		return n.Text(value)
	default:
		return value
	}
}

func (n *Names) generalFields(fields map[string]any, path string) map[string]any {
	_, isSession := fields["LockDelay"]
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		index, _ := fields[name].(json.Number)
		switch {
		case name != "CreateIndex" && name != "ModifyIndex":
			fields[name] = n.general(fields[name], path)
		case fields["Node"] == n.node && !isSession:
			fields[name] = "from the beginning" // in one write or in several
		case index != "0":
			fields[name] = n.indexName(string(index))
		}
		if (name == "Tags" || name == "ServiceTags") && fields[name] == nil {
			fields[name] = []any{} // a list is never null: docs/compatibility.md
		}
	}
	return fields
}

// note remembers at which index a thing is, and was.
func (n *Names) note(fields map[string]any) {
	index, isThing := fields["ModifyIndex"].(json.Number)
	text := func(name string) string { s, _ := fields[name].(string); return s }
	thing := ""
	switch {
	case !isThing:
		return
	case text("Key") != "":
		thing = "key " + strings.TrimPrefix(text("Key"), n.values["run"]+"/")
	case text("CheckID") != "":
		thing = "check " + text("Node") + " " + text("CheckID")
	case text("ServiceID") != "":
		thing = "service " + text("Node") + " " + text("ServiceID")
	default:
		thing = "node " + text("Node")
	}
	if at := n.values["at "+thing]; at != string(index) {
		n.values["was "+thing], n.values["at "+thing] = at, string(index)
		if at == "" {
			n.values["was "+thing] = "1"
		}
	}
}

// indexName calls an index by the order in which indexes were first seen.
func (n *Names) indexName(index string) string {
	name, ok := n.names[index]
	if !ok {
		name = fmt.Sprint("index ", len(n.names))
		n.names[index] = name
	}
	return name
}

var (
	uuids       = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	indexInText = regexp.MustCompile(`(?:index|!=) [0-9]{2,}`)
)

// Text returns a text without what the registry made up.
func (n *Names) Text(text string) string {
	text = strings.ReplaceAll(text, n.values["run"]+"/", "{run}/")
	text = uuids.ReplaceAllStringFunc(text, func(id string) string {
		name, known := n.names[id]
		switch {
		case known:
			return name
		case slices.Contains(nodeIDs, id) || strings.HasPrefix(id, noSession):
			return id
		default:
			return "UUID"
		}
	})
	return indexInText.ReplaceAllStringFunc(text, func(found string) string {
		_, index, _ := strings.Cut(found, " ")
		if name, ok := n.names[index]; ok {
			return name
		}
		return "an index that did not come to be"
	})
}
