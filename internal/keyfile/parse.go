package keyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/hashicorp/hcl/hcl/ast"
	"github.com/hashicorp/hcl/hcl/parser"
	"github.com/hashicorp/hcl/hcl/scanner"
	"github.com/hashicorp/hcl/hcl/token"
)

// Format is a language of settings.
type Format string

// The formats.
const (
	JSON Format = "json"
	HCL  Format = "hcl"
)

// maxDepth is how deep values may lie in one another.
const maxDepth = 100

// Parse reads a file's text; file is its name in places and errors. The value
// is an Object, whose names may be given more than once. The error names the
// file and the line.
func Parse(file string, format Format, text []byte) (*Node, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return &Node{Place: Place{File: file}, Value: Object{}}, nil
	}
	switch format {
	case JSON:
		return parseJSON(file, text)
	case HCL:
		return parseHCL(file, text)
	default:
		return nil, fmt.Errorf("%s: unknown format %q: want json or hcl", file, format)
	}
}

// fault is what is wrong at a place.
func fault(place Place, format string, args ...any) error {
	return fmt.Errorf("%v: %w", place, fmt.Errorf(format, args...))
}

func parseJSON(file string, text []byte) (*Node, error) {
	r := &jsonReader{file: file, text: text, decoder: json.NewDecoder(bytes.NewReader(text))}
	node, err := r.value(0)
	if err != nil {
		return nil, r.explain(err)
	}
	if _, ok := node.Value.(Object); !ok {
		return nil, fault(node.Place, "want an object: {...}")
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fault(r.place(), "there is more after the object")
	}
	return node, nil
}

// jsonReader reads JSON token by token, so that it knows the line of each.
type jsonReader struct {
	file    string
	text    []byte
	decoder *json.Decoder
	counted int // bytes whose lines are in line
	line    int // new lines before them
}

// place is that of the token read last.
func (r *jsonReader) place() Place { return r.placeOf(int(r.decoder.InputOffset())) }

func (r *jsonReader) placeOf(offset int) Place {
	offset = min(offset, len(r.text))
	if offset < r.counted {
		return Place{r.file, 1 + bytes.Count(r.text[:offset], []byte("\n"))}
	}
	r.line += bytes.Count(r.text[r.counted:offset], []byte("\n"))
	r.counted = offset
	return Place{r.file, 1 + r.line}
}

// explain gives an error of the decoder its place.
func (r *jsonReader) explain(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fault(r.placeOf(int(syntax.Offset)), "%w", err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault(r.placeOf(len(r.text)), "the file ends within a value")
	default:
		return fault(r.place(), "%w", err)
	}
}

func (r *jsonReader) value(depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d values lie in one another", maxDepth)
	}
	next, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	node := &Node{Place: r.place()}
	switch next {
	case json.Delim('{'):
		object := Object{}
		for r.decoder.More() {
			key, err := r.decoder.Token()
			if err != nil {
				return nil, err
			}
			place := r.place()
			member, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			member.Place = place // a value is looked for where its name stands
			object = append(object, Member{key.(string), member})
		}
		node.Value = object
		_, err = r.decoder.Token()
	case json.Delim('['):
		list := List{}
		for r.decoder.More() {
			item, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		node.Value = list
		_, err = r.decoder.Token()
	default:
		node.Value = next
	}
	return node, err
}

func parseHCL(file string, text []byte) (node *Node, err error) {
	parsed, err := parser.ParseDontErrorOnDuplicateKeys(text)
	if err != nil {
		var at *parser.PosError
		if errors.As(err, &at) {
			return nil, fault(Place{file, at.Pos.Line}, "%w", at.Err)
		}
		return nil, fault(Place{File: file}, "%w", err)
	}
	r := hclReader{file}
	root, ok := parsed.Node.(*ast.ObjectList)
	if !ok {
		return nil, fault(Place{File: file}, "want keys and values")
	}
	if err := r.unfinished(root, text); err != nil {
		return nil, err
	}
	object, err := r.object(root, 0)
	return &Node{Place: Place{file, 1}, Value: object}, err
}

// hclReader turns HCL's tree into ours.
type hclReader struct{ file string }

func (r hclReader) place(pos token.Pos) Place { return Place{r.file, pos.Line} }

// unfinished returns an error if there is more in the text than there is in its
// tree: the parser passes over a key whose value is missing when the file ends
// there.
func (r hclReader) unfinished(root *ast.ObjectList, text []byte) error {
	read := -1 // the last byte that is in the tree
	if items := root.Items; len(items) > 0 {
		read = lastOf(items[len(items)-1].Val).Offset
	}
	for words := scanner.New(text); ; {
		switch word := words.Scan(); {
		case word.Type == token.EOF:
			return nil
		case word.Type != token.COMMENT && word.Type != token.COMMA && word.Pos.Offset > read:
			return fault(r.place(word.Pos), "%s: the file ends before its value", word.Text)
		}
	}
}

// lastOf returns where the last token of a value begins.
func lastOf(value ast.Node) token.Pos {
	switch value := value.(type) {
	case *ast.ObjectType:
		return value.Rbrace
	case *ast.ListType:
		return value.Rbrack
	default:
		return value.Pos()
	}
}

func (r hclReader) object(list *ast.ObjectList, depth int) (Object, error) {
	object := Object{}
	for _, item := range list.Items {
		if len(item.Keys) == 0 {
			return nil, fault(r.place(item.Pos()), "a value without a key")
		}
		node, err := r.value(item.Val, depth+len(item.Keys))
		if err != nil {
			return nil, err
		}
		// key "label" { ... } is an object in an object.
		for i := len(item.Keys) - 1; i >= 0; i-- {
			key, err := r.literal(item.Keys[i].Token)
			if err != nil {
				return nil, err
			}
			node = &Node{Place: r.place(item.Keys[i].Pos()), Value: node.Value}
			member := Member{fmt.Sprint(key), node}
			if i == 0 {
				object = append(object, member)
			} else {
				node = &Node{Place: node.Place, Value: Object{member}}
			}
		}
	}
	return object, nil
}

func (r hclReader) value(value ast.Node, depth int) (*Node, error) {
	if depth > maxDepth {
		return nil, fault(r.place(value.Pos()), "more than %d values lie in one another", maxDepth)
	}
	node := &Node{Place: r.place(value.Pos())}
	var err error
	switch value := value.(type) {
	case *ast.LiteralType:
		node.Value, err = r.literal(value.Token)
	case *ast.ObjectType:
		node.Value, err = r.object(value.List, depth)
	case *ast.ListType:
		list := List{}
		for _, item := range value.List {
			one, err := r.value(item, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		node.Value = list
	default:
		err = fault(node.Place, "a value that cannot be read")
	}
	return node, err
}

// literal returns the value of a token, whose own method panics where the
// scanner let through what cannot be read.
func (r hclReader) literal(t token.Token) (value any, err error) {
	defer func() {
		if recover() != nil {
			err = fault(r.place(t.Pos), "cannot read %s", t.Text)
		}
	}()
	switch t.Type {
	case token.NUMBER:
		whole, err := strconv.ParseInt(t.Text, 0, 64)
		if err != nil {
			return nil, fault(r.place(t.Pos), "%s is no number", t.Text)
		}
		return float64(whole), nil
	default:
		return t.Value(), nil
	}
}
