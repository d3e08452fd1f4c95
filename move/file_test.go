package move

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample has something of everything that a file holds.
func sample() *Contents {
	check := row{"CheckID": "c", "Status": "passing"}
	return &Contents{
		Written: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), From: Source{"muster 1", "dc1", "n", "10.0.0.1"}, Kinds: Kinds(),
		ConfigEntries: []row{{"Kind": "service-defaults", "Name": "web"}},
		Agent: &Agent{
			Services: []AgentService{{row{"ID": "web", "Service": "web"}, "later", []AgentCheck{{check, row{"ID": "c", "Host": "memory<90%"}}}}},
			Checks:   []AgentCheck{{check, nil}},
		},
		Nodes:   []Node{{row{"Node": "db", "Address": "10.0.0.2"}, []row{check}, []NodeService{{row{"ID": "db-1", "Service": "db"}, []row{check}}}}},
		Keys:    []Key{{"a/b", 1<<64 - 1, []byte("\x00\xff")}, {"empty", 0, []byte{}}},
		Queries: []row{{"Name": "q"}},
		Left:    []Leaving{{Keys, "lock of a", "it is held"}},
	}
}

func saved(t testing.TB, c *Contents) string {
	t.Helper()
	var out bytes.Buffer
	if err := Save(&out, c); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestFileComesBack(t *testing.T) {
	text := saved(t, sample())
	got, err := Load(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample()) {
		t.Errorf("got %+v\nwant %+v", got, sample())
	}
	if !strings.Contains(text, `"Host": "memory<90%"`) {
		t.Errorf("it is not for people:\n%s", text)
	}
}

func TestFileIsJudged(t *testing.T) {
	text := saved(t, sample())
	withoutSum := text[:strings.Index(text, `  "SHA256"`)] + text[strings.Index(text, `  "Content"`):]
	for name, c := range map[string]struct{ text, want string }{
		"empty":                   {"", "it is empty"},
		"cut":                     {text[:len(text)/2], "it is damaged: it ends in the middle, after"},
		"longer":                  {text + "x", "something stands behind its end"},
		"no JSON":                 {"hello", "it is damaged, or no file of muster export"},
		"keys of consul":          {`[{"key":"a"}]`, "goes to consul kv import"},
		"another object":          {`{"a":1}`, `its Format is "", want "muster export"`},
		"another version":         {strings.Replace(text, `"Version": 1`, `"Version": 2`, 1), "it has version 2 of the format, and this muster reads version 1"},
		"a changed value":         {strings.Replace(text, "a/b", "a/c", 1), "another checksum"},
		"a field nobody knows":    {strings.Replace(withoutSum, `"From"`, `"Form"`, 1), `unknown field "Form"`},
		"a value of a wrong sort": {strings.Replace(withoutSum, `"flags": 0`, `"flags": -1`, 1), "Content cannot be read"},
		"things without names": {`{"Format":"muster export","Version":1,"Content":{"ConfigEntries":[null],"Queries":[{}],"Nodes":[{}],"Keys":[{}],"Agent":{"Services":[{}],"Checks":[{}]}}}`,
			"config entry 1 has no Kind\nservice of the agent 1 has no ID\nservice of the agent 1 has no Service\ncheck of the agent 1 has no CheckID\n" +
				"node 1 has no Node\nnode 1 has no Address\nkey 1 has no key\nquery 1 has no Name"},
		"two keys of one name": {`{"Format":"muster export","Version":1,"Content":{"Keys":[{"key":"m/\ufffd"},{"key":"a"},{"key":"m/\ufffd"}]}}`, `key 3 has the name of key 1`},
		"changed on purpose":   {strings.Replace(withoutSum, "a/b", "a/c", 1), ""},
		"laid out otherwise":   {strings.ReplaceAll(text, "\n  ", "\n\t  "), ""},
	} {
		_, err := Load(strings.NewReader(c.text))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// FuzzLoad: whatever a file says, it is taken or refused; what is taken and
// written again is the same.
func FuzzLoad(f *testing.F) {
	text := saved(f, sample())
	f.Add(text)
	f.Add(text[:len(text)-40])
	f.Add(`{"Format":"muster export","Version":1,"Content":{"Keys":[{"key":"a","value":null}],"ConfigEntries":[{"Kind":"mesh","N":1e400}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		contents, err := Load(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := Load(strings.NewReader(saved(t, contents)))
		if err != nil {
			t.Fatal(err)
		}
		if saved(t, again) != saved(t, contents) {
			t.Errorf("written again it is another: %+v, %+v", contents, again)
		}
	})
}
