package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/realjf/muster"

// wing is a side of the house. The library and the agent never import each
// other: they meet in command, and over HTTP.
type wing string

const (
	library wing = "library"
	agency  wing = "agent"
	shared  wing = "shared"
)

// house is the plan: the floor and the wing of every package. A package
// imports lower floors only. docs/design.md shows the same plan in words.
var house = map[string]struct {
	floor int
	wing  wing
}{
	".":                     {8, shared},
	"command":               {7, shared},
	"config":                {6, shared},
	"agent/agenttest":       {6, agency},
	"agent":                 {5, agency},
	"transport":             {4, library},
	"agent/api":             {4, agency},
	"agent/dns":             {4, agency},
	"endpoint":              {3, library},
	"discover/discovertest": {3, library},
	"discover/kitdiscover":  {3, library},
	"discover/oteldiscover": {4, library},
	"discover/promdiscover": {3, library},
	"discover/grpcdiscover": {3, library},
	"discover/httpdiscover": {3, library},
	"agent/local":           {3, agency},
	"service":               {2, library},
	"discover/consul":       {3, library},
	"discover/announce":     {2, library},
	"discover/balance":      {2, library},
	"discover/retry":        {2, library},
	"agent/check":           {2, agency},
	"agent/credential":      {2, agency},
	"agent/archive":         {2, agency},
	"agent/event":           {2, agency},
	"agent/query":           {2, agency},
	"discover":              {1, library},
	"agent/state":           {1, agency},
	"agent/chain":           {2, agency},
	"agent/mesh":            {0, agency},
	"ui":                    {1, shared},
	"move":                  {1, shared},
	"agent/telemetry":       {2, agency},
	"agent/session":         {2, agency},
	"agent/monitor":         {2, agency},
	"agent/journal":         {2, agency},
	"internal/alarm":        {0, shared},
	"internal/brief":        {0, shared},
	"internal/direct":       {0, shared},
	"internal/host":         {0, shared},
	"internal/inorder":      {0, shared},
	"internal/keyfile":      {0, shared},
	"internal/logbook":      {0, shared},
	"internal/pace":         {0, shared},
	"internal/place":        {0, shared},
	"internal/quiet":        {0, shared},
	"internal/refusal":      {0, shared},
	"internal/valid":        {0, shared},
}

// apart are packages that bring much along, for programs that have it already:
// nothing of the house links them.
var apart = map[string]bool{"discover/grpcdiscover": true, "discover/oteldiscover": true}

// outside are folders that are not part of the house: they look at it from
// without.
var outside = map[string]bool{"test": true, "docs": true}

// source is one package as its files say it is.
type source struct {
	comment bool                // a file has a package comment
	imports map[string][]string // import path to the files that import it
}

func TestHouse(t *testing.T) {
	packages := readHouse(t)
	for name := range house {
		if packages[name] == nil {
			t.Errorf("the plan has a package %s, and there is none", name)
		}
	}
	for name, pkg := range packages {
		here, planned := house[name]
		if !planned {
			t.Errorf("%s has no place in the plan: give it a floor and a wing in house_test.go and docs/design.md", name)
			continue
		}
		if !pkg.comment {
			t.Errorf("%s has no package comment that says what it is for and what it refuses to do", name)
		}
		for imported, files := range pkg.imports {
			there, ours := house[strings.TrimPrefix(imported, module+"/")]
			if !ours {
				continue
			}
			if apart[strings.TrimPrefix(imported, module+"/")] {
				t.Errorf("%s: %s imports %s, which is for programs of others", files[0], name, imported)
			}
			if there.floor >= here.floor {
				t.Errorf("%s: %s (floor %d) imports %s (floor %d): only lower floors may be imported",
					files[0], name, here.floor, imported, there.floor)
			}
			if here.wing != shared && there.wing != shared && here.wing != there.wing {
				t.Errorf("%s: the %s wing imports %s of the %s wing", files[0], here.wing, imported, there.wing)
			}
		}
	}
}

// TestNobodyStaysBehind: the tests of a package that has any end with no goroutine
// left, which goleak looks at.
func TestNobodyStaysBehind(t *testing.T) {
	for name := range house {
		tests, err := filepath.Glob(filepath.Join(filepath.FromSlash(name), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		looked := name == "." || len(tests) == 0 // the root has none but these
		for _, file := range tests {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			looked = looked || strings.Contains(string(text), "goleak.VerifyTestMain(m)") || strings.Contains(string(text), "goleak.Find(")
		}
		if !looked {
			t.Errorf("%s has tests and no TestMain with goleak.VerifyTestMain", name)
		}
	}
}

// readHouse parses every package of the module but those outside the house.
// Tests are visitors: they may import what they like.
func readHouse(t *testing.T) map[string]*source {
	t.Helper()
	packages := map[string]*source{}
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(file)
		if entry.IsDir() {
			hidden := strings.HasPrefix(name, ".") && name != "."
			if hidden || outside[name] || entry.Name() == "testdata" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if packages[dir] == nil {
			packages[dir] = &source{imports: map[string][]string{}}
		}
		packages[dir].add(t, name, parsed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return packages
}

func (s *source) add(t *testing.T, name string, file *ast.File) {
	t.Helper()
	if file.Doc != nil && len(file.Doc.Text()) > 80 {
		s.comment = true
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s.imports[imported] = append(s.imports[imported], name)
	}
}
