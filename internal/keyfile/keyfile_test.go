package keyfile

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// shape is one with each kind in it.
var shape = NewShape(map[string]Kind{
	"name": Text, "on": Flag, "many": Whole, "rate": Fraction, "every": Span, "tags": Texts, "meta": Pairs, "rest": Any,
	"ports.http": Whole, "ports.deep.er": Text, "ports.limit_rate": Fraction,
	"services[].name": Text, "services[].check.args": Texts, "places.*.port": Whole, "frees": Blocks, "frees[].*": Any,
}, map[string]string{"scriptargs": "args"})

// read parses a text and holds it against the shape.
func read(t *testing.T, format Format, text string) (*Node, error) {
	t.Helper()
	node, err := Parse("f."+string(format), format, []byte(text))
	if err != nil {
		return nil, err
	}
	return shape.Fit(node)
}

func plain(t *testing.T, n *Node) string {
	t.Helper()
	text, err := json.Marshal(n.Plain())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTextsBecomeTrees(t *testing.T) {
	for _, tc := range []struct {
		name   string
		format Format
		text   string
		want   string
	}{
		{"nothing", HCL, " \n", `{}`},
		{"an empty file", JSON, "", `{}`},
		{"all kinds", JSON, `{"name":"a","on":true,"many":3,"rate":1.5,"every":"10s","tags":["x"],"meta":{"K_k":"v"},"rest":[1,{"A":null}]}`,
			`{"every":"10s","many":3,"meta":{"K_k":"v"},"name":"a","on":true,"rate":1.5,"rest":[1,{"A":null}],"tags":["x"]}`},
		{"all kinds", HCL, "name = \"a\"\non = true\nmany = 0x10\nrate = 1.5\nevery = \"10s\"\ntags = [\"x\", \"y\",]\nmeta { K_k = \"v\" }\nrest = { a = [1] }",
			`{"every":"10s","many":16,"meta":{"K_k":"v"},"name":"a","on":true,"rate":1.5,"rest":{"a":[1]},"tags":["x","y"]}`},
		{"a long text", HCL, "name = <<EOF\na\nb\nEOF\n", `{"name":"a\nb\n"}`},
		{"blocks of no shape, one by one", HCL, "rest {\n a { b = 1 }\n a { b = 2 }\n a { b = 3 }\n c { d = 1 }\n}", `{"rest":{"a":[{"b":1},{"b":2},{"b":3}],"c":{"d":1}}}`},
		{"blocks of anything", HCL, "frees { a { b = 1 }\n a { b = 2 }\n C = 1 }\nfrees { }", `{"frees":[{"C":1,"a":[{"b":1},{"b":2}]},{}]}`},
		{"a comment", HCL, "# a\n// b\n/* c */ many = 1 # d", `{"many":1}`},
		{"null is nothing", JSON, `{"name":null,"ports":null}`, `{}`},
		{"capitals", JSON, `{"Name":"a","PORTS":{"Http":1}}`, `{"name":"a","ports":{"http":1}}`},
		{"a block in a list of one", JSON, `{"ports":[{"http":1}],"meta":[{"a":"b"}]}`, `{"meta":{"a":"b"},"ports":{"http":1}}`},
		{"a block given twice", HCL, "ports { http = 1 }\nports { deep { er = \"x\" } }", `{"ports":{"deep":{"er":"x"},"http":1}}`},
		{"a value given twice", HCL, "name = \"a\"\nname = \"b\"", `{"name":"b"}`},
		{"blocks given one by one", HCL, "services { name = \"a\" }\nservices { name = \"b\" }", `{"services":[{"name":"a"},{"name":"b"}]}`},
		{"blocks in a list", HCL, "services = [{ name = \"a\" }, { name = \"b\" }]", `{"services":[{"name":"a"},{"name":"b"}]}`},
		{"another name of a key", JSON, `{"services":[{"check":{"ScriptArgs":["a"]}}]}`, `{"services":[{"check":{"args":["a"]}}]}`},
		{"names of the user's own", HCL, `places { "A b" { port = 1 } }`, `{"places":{"A b":{"port":1}}}`},
		{"an empty duration", JSON, `{"every":""}`, `{"every":""}`},
	} {
		t.Run(string(tc.format)+" "+tc.name, func(t *testing.T) {
			node, err := read(t, tc.format, tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := plain(t, node); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestFaultsSayWhere(t *testing.T) {
	for _, tc := range []struct {
		name   string
		format Format
		text   string
		want   []string // one a line
	}{
		{"an unknown key", HCL, "\n\nports {\n  htp = 1\n}", []string{"f.hcl:4: ports.htp: no such key; did you mean ports.http?"}},
		{"an unknown key", JSON, "{\n\n  \"ports\": {\n    \"htp\": 1}}", []string{"f.json:4: ports.htp: no such key; did you mean ports.http?"}},
		{"a key of another block", JSON, `{"http":1}`, []string{"f.json:1: http: no such key; did you mean ports.http?"}},
		{"a path with underscores", JSON, `{"ports_http":1}`, []string{"f.json:1: ports_http: no such key; did you mean ports.http?"}},
		{"nothing alike", JSON, `{"zzzzzz":1}`, []string{"f.json:1: zzzzzz: no such key"}},
		{"in a list", HCL, "services = [{}, { nme = 1 }]", []string{"f.hcl:1: services[1].nme: no such key; did you mean services[1].name?"}},
		{"a label", HCL, "services \"web\" { name = \"x\" }", []string{"f.hcl:1: services.web: no such key"}},
		{"all at once", HCL, "a = 1\nmany = \"1\"\n", []string{"f.hcl:1: a: no such key", `f.hcl:2: many: want a whole number, got the text "1"`}},
		{"a fraction for a whole", JSON, `{"many":1.5}`, []string{"f.json:1: many: want a whole number, got 1.5"}},
		{"too large for a whole", JSON, `{"many":1e40}`, []string{"f.json:1: many: want a whole number, got 1e+40"}},
		{"a number for a text", JSON, `{"name":5}`, []string{"f.json:1: name: want text, got the number 5"}},
		{"a text for a flag", JSON, `{"on":"true"}`, []string{`f.json:1: on: want true or false, got the text "true"`}},
		{"a duration without a unit", JSON, `{"every":"5"}`, []string{`f.json:1: every: want a duration like "10s", got "5"`}},
		{"a text for texts", JSON, `{"tags":"a"}`, []string{`f.json:1: tags: want a list of texts: ["..."], got the text "a"`}},
		{"a number in texts", JSON, `{"tags":["a",1]}`, []string{`f.json:1: tags: want a list of texts: ["..."], got the number 1 in it`}},
		{"a number in pairs", JSON, `{"meta":{"a":1}}`, []string{"f.json:1: meta: want names with texts, got the number 1 for a"}},
		{"a text for a block", JSON, `{"ports":"x"}`, []string{`f.json:1: ports: want a block: {...}, got the text "x"`}},
		{"a text in blocks", JSON, `{"services":["x"]}`, []string{`f.json:1: services[0]: want a list of blocks: [{...}], got the text "x"`}},
		{"a list", JSON, `[]`, []string{"f.json:1: want an object: {...}"}},
		{"a comma too many", JSON, "{\n\"on\": true,\n}", []string{"f.json:3: invalid character '}' looking for beginning of object key string"}},
		{"an end too early", JSON, "{\n\"on\":", []string{"f.json:2: the file ends within a value"}},
		{"more than one", JSON, "{}\n{}", []string{"f.json:2: there is more after the object"}},
		{"no end of a block", HCL, "ports {\n  http = 1\n", []string{"f.hcl:3: object expected closing RBRACE got: EOF"}},
		{"no value at the end", HCL, "on = true\nname =\n# none\n", []string{"f.hcl:2: name: the file ends before its value"}},
		{"no value after a block", HCL, "ports { http = 1 }, on =", []string{"f.hcl:1: on: the file ends before its value"}},
		{"a number too large", HCL, "many = 99999999999999999999", []string{"f.hcl:1: 99999999999999999999 is no number"}},
		{"an unknown format", "yaml", "a: b", []string{`f.yaml: unknown format "yaml": want json or hcl`}},
		{"too deep", JSON, strings.Repeat(`{"a":`, 200) + "1", []string{"f.json:1: more than 100 values lie in one another"}},
		{"too deep", HCL, "a = " + strings.Repeat("[", 200) + strings.Repeat("]", 200), []string{"f.hcl:1: more than 100 values lie in one another"}},
	} {
		t.Run(string(tc.format)+" "+tc.name, func(t *testing.T) {
			_, err := read(t, tc.format, tc.text)
			if err == nil {
				t.Fatal("got no error")
			}
			if got := strings.Split(err.Error(), "\n"); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	for _, tc := range []struct{ name, first, second, want string }{
		{"the later text", `{"name":"a"}`, `{"name":"b"}`, `{"name":"b"}`},
		{"null is no text", `{"name":"a"}`, `{"name":null}`, `{"name":"a"}`},
		{"lists are appended", `{"tags":["a"]}`, `{"tags":["b","a"]}`, `{"tags":["a","b","a"]}`},
		{"pairs are laid over", `{"meta":{"a":"1","b":"1"}}`, `{"meta":{"b":"2","c":"2"}}`, `{"meta":{"a":"1","b":"2","c":"2"}}`},
		{"blocks are merged", `{"ports":{"http":1,"deep":{"er":"x"}}}`, `{"ports":{"http":2}}`, `{"ports":{"deep":{"er":"x"},"http":2}}`},
		{"blocks in lists are not", `{"services":[{"name":"a"}]}`, `{"services":[{"name":"a"}]}`, `{"services":[{"name":"a"},{"name":"a"}]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			first, err := read(t, JSON, tc.first)
			if err != nil {
				t.Fatal(err)
			}
			second, err := read(t, JSON, tc.second)
			if err != nil {
				t.Fatal(err)
			}
			if got := plain(t, Merge(first, second)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	if Merge(nil, nil) != nil {
		t.Error("two trees that are not there make one")
	}
}

func TestAt(t *testing.T) {
	node, err := read(t, HCL, "\nports {\n  deep { er = \"x\" }\n}")
	if err != nil {
		t.Fatal(err)
	}
	if got := node.At("ports.deep.er"); got == nil || got.Value != "x" || got.Place.String() != "f.hcl:3" {
		t.Errorf("got %+v, want x of line 3", got)
	}
	for _, path := range []string{"name", "ports.http", "ports.deep.er.more"} {
		if got := node.At(path); got != nil {
			t.Errorf("%s: got %+v, want nothing", path, got)
		}
	}
}

// FuzzParse: whatever is in a file, reading it ends with a tree that fits, or
// with an error that names the file.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"name":"a","ports":{"http":1},"services":[{"name":"x"}]}`, `{"a":[{"b":null}]}`, `{`, `[]`, `{"name":"a"}{}`, ``,
		"name = \"a\"\nports { http = 1 }", "services \"x\" \"y\" { name = <<E\na\nE\n}", "a = 0x", "a = 1e9", "a = \"${b}\"", "{}", "a = [[[1]]]", "\"\" = 1",
		"a = -1", "a = 08", "=", "a.b = 1", "a = <<-E\n  x\n  E\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, format := range []Format{JSON, HCL} {
			node, err := read(t, format, text)
			if err != nil {
				if !strings.Contains(err.Error(), "f."+string(format)) {
					t.Errorf("%s %q: the error does not name the file: %v", format, text, err)
				}
				continue
			}
			again, err := shape.Fit(node)
			if err != nil {
				t.Fatalf("%s %q: what fits does not fit: %v", format, text, err)
			}
			if got, want := plain(t, again), plain(t, node); got != want {
				t.Errorf("%s %q: got %s, want %s again", format, text, got, want)
			}
		}
	})
}
