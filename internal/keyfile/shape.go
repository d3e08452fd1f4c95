package keyfile

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Kind is what the value of a key must be.
type Kind int

// The kinds.
const (
	Block    Kind = iota // names and values of its own
	Blocks               // a list of blocks
	Flag                 // true or false
	Whole                // a number without a fraction
	Fraction             // a number
	Text                 // text
	Span                 // a duration, as text: "10s"
	Texts                // a list of texts
	Pairs                // texts with names
	Any                  // whatever it is
)

// what is wanted, for people.
var wanted = map[Kind]string{
	Block: "a block: {...}", Blocks: "a list of blocks: [{...}]", Flag: "true or false", Whole: "a whole number", Fraction: "a number",
	Text: "text", Span: `a duration like "10s"`, Texts: `a list of texts: ["..."]`, Pairs: "names with texts",
}

// Shape is the keys that there are. Make it with [NewShape].
type Shape struct {
	kind    Kind
	members map[string]*Shape // of a block, or of each in a list of blocks; "*" is for every name
	renamed map[string]string // other names of members
}

// NewShape returns the shape that has a value of a kind at each path. A path
// is names with dots between them: "ports.http". "services[].name" is a key of
// each block in a list, "taggings.*.address" one of a block under any name. A
// path of one name in aliases is another name for a key, wherever that stands.
func NewShape(kinds map[string]Kind, aliases map[string]string) *Shape {
	root := &Shape{kind: Block, renamed: aliases}
	for _, path := range slices.Sorted(maps.Keys(kinds)) {
		at := root
		names := strings.Split(path, ".")
		for i, name := range names {
			bare, many := strings.CutSuffix(name, "[]")
			next := at.members[bare]
			if next == nil {
				next = &Shape{kind: Block, renamed: aliases}
				if at.members == nil {
					at.members = map[string]*Shape{}
				}
				at.members[bare] = next
			}
			switch {
			case i == len(names)-1:
				next.kind = kinds[path]
			case many:
				next.kind = Blocks
			}
			at = next
		}
	}
	return root
}

// Fit holds a tree against the shape. It returns what fits, with every key in
// the shape's own spelling and given once, without nulls; and, joined,
// everything that does not fit. The tree is never nil; a block in it of which
// something did not fit is Partial.
func (s *Shape) Fit(root *Node) (*Node, error) {
	f := fitting{root: s}
	node := f.fit(s, root, "")
	if node == nil {
		node = &Node{Place: root.Place, Value: Object{}}
	}
	return node, errors.Join(f.faults...)
}

type fitting struct {
	root   *Shape
	faults []error
}

func (f *fitting) wrong(n *Node, path, format string, args ...any) {
	f.faults = append(f.faults, fault(n.Place, "%s: %w", path, fmt.Errorf(format, args...)))
}

// fit returns the part of a value that fits, nil for none.
func (f *fitting) fit(s *Shape, n *Node, path string) *Node {
	switch s.kind {
	case Block:
		return f.block(s, n, path)
	case Blocks:
		return f.blocks(s, n, path)
	}
	if ok, problem := fits(s.kind, n.Value); !ok {
		if problem == "" {
			problem = "got " + describe(n.Value)
		}
		f.wrong(n, path, "want %s, %s", wanted[s.kind], problem)
		return nil
	}
	if object, ok := asObject(n.Value); ok && s.kind == Pairs {
		return &Node{Place: n.Place, Value: mergeObjects(nil, object)}
	}
	return n
}

// block returns the part of a block that fits, nil for none.
func (f *fitting) block(s *Shape, n *Node, path string) *Node {
	before := len(f.faults)
	fitted := f.members(s, n, path)
	if fitted != nil && len(f.faults) > before {
		fitted = &Node{Place: fitted.Place, Value: fitted.Value, Partial: true}
	}
	return fitted
}

func (f *fitting) members(s *Shape, n *Node, path string) *Node {
	switch value := n.Value.(type) {
	case Object:
		fitted := &Node{Place: n.Place, Value: Object{}}
		for _, m := range value {
			if m.Value == nil {
				continue
			}
			name, shape := s.find(m.Key)
			if shape == nil {
				f.wrong(m.Node, join(path, m.Key), "no such key%s", f.suggest(s, path, m.Key))
				continue
			}
			if fits := f.fit(shape, m.Node, join(path, name)); fits != nil {
				fitted = Merge(fitted, &Node{Place: fitted.Place, Value: Object{{name, fits}}})
			}
		}
		return fitted
	case List: // HCL's way to say a block is a list of one
		fitted := &Node{Place: n.Place, Value: Object{}}
		for _, item := range value {
			fitted = Merge(fitted, f.block(s, item, path))
		}
		return fitted
	}
	f.wrong(n, path, "want %s, got %s", wanted[Block], describe(n.Value))
	return nil
}

func (f *fitting) blocks(s *Shape, n *Node, path string) *Node {
	list, many := n.Value.(List)
	if !many {
		list = List{n}
	}
	fitted := List{}
	for i, item := range list {
		at := path
		if many {
			at = fmt.Sprintf("%s[%d]", path, i)
		}
		if _, ok := item.Value.(Object); !ok {
			f.wrong(item, at, "want %s, got %s", wanted[Blocks], describe(item.Value))
			continue
		}
		if all := s.members["*"]; all != nil && all.kind == Any {
			fitted = append(fitted, item) // as it is: what is given twice in it may be a list
			continue
		}
		fitted = append(fitted, f.block(s, item, at))
	}
	return &Node{Place: n.Place, Value: fitted}
}

// find returns the member that a key means, whatever its case.
func (s *Shape) find(key string) (string, *Shape) {
	if all := s.members["*"]; all != nil {
		return key, all
	}
	name := strings.ToLower(key)
	if shape := s.members[name]; shape != nil {
		return name, shape
	}
	name = s.renamed[name]
	return name, s.members[name]
}

func fits(kind Kind, value any) (ok bool, problem string) {
	switch kind {
	case Flag:
		_, ok = value.(bool)
	case Whole:
		var number float64
		number, ok = value.(float64)
		if ok && (number != math.Trunc(number) || math.Abs(number) > 1<<53) {
			return false, fmt.Sprintf("got %v", number)
		}
	case Fraction:
		_, ok = value.(float64)
	case Text:
		_, ok = value.(string)
	case Span:
		var text string
		if text, ok = value.(string); ok && text != "" {
			if _, err := time.ParseDuration(text); err != nil {
				return false, fmt.Sprintf("got %q", text)
			}
		}
	case Texts:
		var list List
		list, ok = value.(List)
		for _, item := range list {
			if _, isText := item.Value.(string); !isText {
				return false, "got " + describe(item.Value) + " in it"
			}
		}
	case Pairs:
		var object Object
		object, ok = asObject(value)
		for _, m := range object {
			if _, isText := m.Value.(string); !isText {
				return false, fmt.Sprintf("got %s for %s", describe(m.Value), m.Key)
			}
		}
	default:
		ok = true
	}
	return ok, ""
}

// asObject returns an object, or what is one for HCL: a list with one in it.
func asObject(value any) (Object, bool) {
	if list, ok := value.(List); ok && len(list) == 1 {
		value = list[0].Value
	}
	object, ok := value.(Object)
	return object, ok
}

// describe says what a value is, for people.
func describe(value any) string {
	switch value := value.(type) {
	case bool:
		return fmt.Sprint(value)
	case float64:
		return fmt.Sprintf("the number %v", value)
	case string:
		return fmt.Sprintf("the text %q", value)
	case List:
		return "a list"
	case Object:
		return "a block"
	default:
		return "nothing"
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
