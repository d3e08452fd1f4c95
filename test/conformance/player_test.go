//go:build conformance

package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// player is a registry that goes through random sequences, and the names of
// what it made up meanwhile.
type player struct {
	name   string
	client *http.Client
	base   string

	values   map[string]string // what {name} stands for in a request
	names    map[string]string // of ids and indexes in an answer
	last     map[string]answer // to each read
	sessions int               // created so far
}

// answer is an answer in a form in which two registries can be compared.
type answer struct {
	text  string
	body  string // and its status
	index uint64
	fault string // what is wrong with it, whatever the other registry says
}

// begin forgets what was before. Each run has keys of its own, because what
// delays their locking outlives them.
func (p *player) begin(run int) {
	p.values, p.names = map[string]string{"run": fmt.Sprintf("r%d", run)}, map[string]string{}
	p.last, p.sessions = map[string]answer{}, 0
}

// ask asks requests one after the other.
func (p *player) ask(requests []request) ([]answer, error) {
	answers := make([]answer, len(requests))
	for n, r := range requests {
		var err error
		if answers[n], err = p.askOne(r); err != nil {
			return nil, fmt.Errorf("%s asks %s: %w", p.name, r, err)
		}
	}
	return answers, nil
}

func (p *player) askOne(r request) (answer, error) {
	status, header, content, err := p.send(r.method, p.fill(r.path), p.fill(r.body))
	if err != nil {
		return answer{}, err
	}
	if r.path == "/v1/session/create" && status == http.StatusOK {
		p.sessions++
		name := fmt.Sprint("s", p.sessions)
		id := uuids.FindString(string(content))
		p.values[name], p.names[id] = id, name
	}
	body := p.text(string(content))
	if strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		if body, err = p.json(r.path, content); err != nil {
			return answer{}, err
		}
	}
	got := answer{text: normal(status, header, nil) + body, body: fmt.Sprint(status, " ", body)}
	got.index, _ = strconv.ParseUint(header.Get("X-Consul-Index"), 10, 64) // 0 where there is none
	if r.method == http.MethodGet {
		got.fault = got.after(p.last[r.path])
		p.last[r.path] = got
	}
	return got, nil
}

// after returns what is wrong with an answer that follows another, which may
// be none.
func (a answer) after(before answer) string {
	switch {
	case a.index < before.index:
		return fmt.Sprintf("index fell from %d to %d", before.index, a.index)
	case a.index == before.index && a.body != before.body:
		return fmt.Sprintf("answer changed and its index stayed at %d:\n%s\n\n%s", a.index, before.body, a.body)
	default:
		return ""
	}
}

func (p *player) send(method, path, body string) (status int, header http.Header, content []byte, err error) {
	wire, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	response, err := p.client.Do(wire)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header, content, err
}

var placeholder = regexp.MustCompile(`\{[a-z][^{}":,]*\}`)

// fill puts what the names in a request stand for in their places: an id that
// nothing has for a session that is none, 0 for the index of what is not there.
func (p *player) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		name = name[1 : len(name)-1]
		value, known := p.values[name]
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

// json returns a body without what the registry made up, and remembers at
// which index things are.
func (p *player) json(path string, content []byte) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("%s: %w", content, err)
	}
	text, err := json.MarshalIndent(p.general(value, path), "", "  ")
	return string(text), err
}

// general is json for one value of a body.
func (p *player) general(value any, path string) any {
	switch value := value.(type) {
	case map[string]any:
		p.note(value)
		return p.generalFields(value, path)
	case []any:
		for n := range value {
			value[n] = p.general(value[n], path)
		}
		if strings.HasPrefix(path, "/v1/session/") || path == "/v1/catalog/services" { // sorted by ids, or not at all
			slices.SortFunc(value, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return value
	case string:
		return p.text(value)
	default:
		return value
	}
}

func (p *player) generalFields(fields map[string]any, path string) map[string]any {
	_, isSession := fields["LockDelay"]
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		index, _ := fields[name].(json.Number)
		switch {
		case name != "CreateIndex" && name != "ModifyIndex":
			fields[name] = p.general(fields[name], path)
		case fields["Node"] == nodeName && !isSession:
			fields[name] = "from the beginning" // in one write or in several
		case index != "0":
			fields[name] = p.indexName(string(index))
		}
		if (name == "Tags" || name == "ServiceTags") && fields[name] == nil {
			fields[name] = []any{} // a list is never null: docs/compatibility.md
		}
	}
	return fields
}

// note remembers at which index a thing is, and was.
func (p *player) note(fields map[string]any) {
	index, isThing := fields["ModifyIndex"].(json.Number)
	text := func(name string) string { s, _ := fields[name].(string); return s }
	thing := ""
	switch {
	case !isThing:
		return
	case text("Key") != "":
		thing = "key " + strings.TrimPrefix(text("Key"), p.values["run"]+"/")
	case text("CheckID") != "":
		thing = "check " + text("Node") + " " + text("CheckID")
	case text("ServiceID") != "":
		thing = "service " + text("Node") + " " + text("ServiceID")
	default:
		thing = "node " + text("Node")
	}
	if at := p.values["at "+thing]; at != string(index) {
		p.values["was "+thing], p.values["at "+thing] = at, string(index)
		if at == "" {
			p.values["was "+thing] = "1"
		}
	}
}

// indexName calls an index by the order in which indexes were first seen.
func (p *player) indexName(index string) string {
	name, ok := p.names[index]
	if !ok {
		name = fmt.Sprint("index ", len(p.names))
		p.names[index] = name
	}
	return name
}

var (
	uuids       = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	indexInText = regexp.MustCompile(`(?:index|!=) [0-9]{2,}`)
)

// text returns a text without what the registry made up.
func (p *player) text(text string) string {
	text = strings.ReplaceAll(text, p.values["run"]+"/", "{run}/")
	text = uuids.ReplaceAllStringFunc(text, func(id string) string {
		name, known := p.names[id]
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
		if name, ok := p.names[index]; ok {
			return name
		}
		return "an index that did not come to be"
	})
}

// clear takes back everything that was written.
func (p *player) clear() error {
	gone := []request{{method: http.MethodDelete, path: "/v1/kv/" + p.values["run"] + "/?recurse"}}
	for _, area := range []string{"session/list", "catalog/nodes"} {
		_, _, content, err := p.send(http.MethodGet, "/v1/"+area, "")
		if err != nil {
			return err
		}
		var all []struct{ ID, Node string }
		if err := json.Unmarshal(content, &all); err != nil {
			return err
		}
		for _, one := range all {
			if area == "session/list" {
				gone = append(gone, request{method: http.MethodPut, path: "/v1/session/destroy/" + one.ID})
			} else if one.Node != nodeName {
				gone = append(gone, request{method: http.MethodPut, path: "/v1/catalog/deregister", body: text(map[string]any{"Node": one.Node})})
			}
		}
	}
	for _, r := range gone {
		if _, _, _, err := p.send(r.method, r.path, r.body); err != nil {
			return err
		}
	}
	return nil
}
