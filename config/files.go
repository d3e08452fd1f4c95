package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/realjf/muster/internal/keyfile"
)

// tree reads the files and lays over one another, in Consul's order, what the
// command line and the files say. The error says everything that does not fit
// the table in any of them; the tree has what does.
func (g *given) tree() (root *keyfile.Node, warnings []string, err error) {
	var faults []error
	root = &keyfile.Node{Place: keyfile.Place{File: "the command line"}, Value: keyfile.Object{}}
	add := func(node *keyfile.Node, err error) {
		if err == nil {
			node, err = fit(node)
		}
		faults = append(faults, err)
		root = keyfile.Merge(root, node)
	}
	addFlags := func(node *keyfile.Node) {
		if node != nil {
			add(node, nil)
		}
	}

	if g.format != "" && g.format != string(keyfile.JSON) && g.format != string(keyfile.HCL) {
		return root, nil, fmt.Errorf("-config-format %q: want json or hcl", g.format)
	}
	addFlags(g.lists)
	for _, path := range g.paths {
		files, skipped, err := g.filesAt(path)
		if err != nil {
			faults = append(faults, err)
		}
		warnings = append(warnings, skipped...)
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				faults = append(faults, err)
				continue
			}
			add(keyfile.Parse(file, g.formatOf(file), text))
		}
	}
	addFlags(g.values)
	for _, fragment := range g.hcl {
		add(keyfile.Parse("-hcl", keyfile.HCL, []byte(fragment)))
	}
	return root, warnings, errors.Join(faults...)
}

// fit holds what a file says against the table of keys. One service or check
// becomes a list of one, so that those of several files are all kept.
func fit(node *keyfile.Node) (*keyfile.Node, error) {
	node, err := shape.Fit(node)
	object := slices.Clone(node.Value.(keyfile.Object))
	for i, m := range object {
		if m.Key == "service" || m.Key == "check" {
			object[i] = keyfile.Member{Key: m.Key + "s", Node: &keyfile.Node{Place: m.Place, Value: keyfile.List{m.Node}}}
		}
	}
	return keyfile.Merge(&keyfile.Node{Place: node.Place, Value: keyfile.Object{}}, &keyfile.Node{Place: node.Place, Value: object}), err
}

// formatOf returns the format of a file, or nothing.
func (g *given) formatOf(file string) keyfile.Format {
	return keyfile.Format(cmp.Or(g.format, strings.TrimPrefix(filepath.Ext(file), ".")))
}

func (g *given) readable(file string) bool {
	format := g.formatOf(file)
	return format == keyfile.JSON || format == keyfile.HCL
}

// filesAt returns the file at a path, or those of the folder there in the
// order of their names; and who is left out.
func (g *given) filesAt(path string) (files, skipped []string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.IsDir() {
		if !g.readable(path) {
			return nil, nil, fmt.Errorf("%s: want a name that ends in .json or .hcl, or -config-format", path)
		}
		return []string{path}, nil, nil
	}
	entries, err := os.ReadDir(path) // sorted by name
	if err != nil {
		return nil, nil, err
	}
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		info, err := os.Stat(file) // a link is what it leads to
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, fmt.Errorf("%s: a link that leads nowhere", file)
		case err != nil:
			return nil, nil, err
		case info.IsDir():
		case !g.readable(file):
			skipped = append(skipped, file+" is left out: its name ends neither in .json nor in .hcl")
		default:
			files = append(files, file)
		}
	}
	return files, skipped, nil
}
