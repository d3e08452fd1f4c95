// Package keyfile reads settings from JSON and HCL into one tree, in which
// every value knows the file and the line that it came from; holds the tree
// against the keys that there are; and lays trees over one another.
//
// It knows no key by itself, opens no file, and decides nothing about a value
// but its type. The HCL is HashiCorp's first (github.com/hashicorp/hcl).
package keyfile

import (
	"fmt"
	"strings"
)

// Node is a value as a file gave it. Nodes are shared between trees and never
// changed.
type Node struct {
	Place Place
	// Value is nil (JSON's null), a bool, a float64, a string, a List or an
	// Object.
	Value any
	// Partial says that something in it did not fit and was left out, see
	// [Shape.Fit].
	Partial bool
}

// Place is where a value stands: "agent.hcl:12". Line is 0 where there are no
// lines, as on a command line.
type Place struct {
	File string
	Line int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// List is several values.
type List []*Node

// Object is values with names, in the order of the file. [Shape.Fit] leaves no
// name twice.
type Object []Member

// Member is a value with its name.
type Member struct {
	Key string
	*Node
}

// At returns the value at a path of names with dots between them, or nil when
// it was not given.
func (n *Node) At(path string) *Node {
	for name := range strings.SplitSeq(path, ".") {
		if n = n.member(name); n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) member(name string) *Node {
	if n == nil {
		return nil
	}
	object, _ := n.Value.(Object)
	for _, m := range object {
		if m.Key == name {
			return m.Node
		}
	}
	return nil
}

// Plain returns the value as encoding/json would have decoded it; a block that
// was given several times is a list.
func (n *Node) Plain() any {
	switch value := n.Value.(type) {
	case List:
		plain := make([]any, len(value))
		for i, item := range value {
			plain[i] = item.Plain()
		}
		return plain
	case Object:
		plain := make(map[string]any, len(value))
		for _, m := range value {
			plain[m.Key] = again(plain[m.Key], m)
		}
		return plain
	default:
		return value
	}
}

// again returns what a name stands for that stood for something before: blocks
// given one by one are a list.
func again(before any, m Member) any {
	now := m.Plain()
	if _, isBlock := m.Value.(Object); !isBlock {
		return now
	}
	switch before := before.(type) {
	case map[string]any:
		return []any{before, now}
	case []any:
		return append(before, now)
	default:
		return now
	}
}

// Merge lays the second tree over the first, as Consul does: objects are
// merged name by name, lists appended, and of all else the second is taken.
// Either may be nil.
func Merge(first, second *Node) *Node {
	switch {
	case first == nil || first.Value == nil:
		return second
	case second == nil || second.Value == nil:
		return first
	}
	switch a := first.Value.(type) {
	case List:
		if b, ok := second.Value.(List); ok {
			return &Node{Place: first.Place, Value: append(a[:len(a):len(a)], b...)}
		}
	case Object:
		if b, ok := second.Value.(Object); ok {
			return &Node{Place: first.Place, Value: mergeObjects(a, b), Partial: first.Partial || second.Partial}
		}
	}
	return second
}

func mergeObjects(a, b Object) Object {
	merged := append(Object{}, a...)
	at := make(map[string]int, len(merged))
	for i, m := range merged {
		at[m.Key] = i
	}
	for _, m := range b {
		if i, there := at[m.Key]; there {
			merged[i].Node = Merge(merged[i].Node, m.Node)
			continue
		}
		at[m.Key] = len(merged)
		merged = append(merged, m)
	}
	return merged
}
