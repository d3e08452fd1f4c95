package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// change is what a commit does to one row.
type change struct {
	table string
	row   any
	gone  bool // the row is taken out; else it is there now
}

// diary notes the changes of one table. The zero value notes nothing.
type diary struct {
	table   string
	changes *[]change
}

func (d diary) note(row any, gone bool) {
	if d.changes != nil {
		*d.changes = append(*d.changes, change{d.table, row, gone})
	}
}

// A kept commit is text, much like a saved state: a line for the commit, and
// one for each row that it changes, in order. A row that is taken out has a
// "-" before the name of its table.
//
//	commit {"Index":1795369641356124}
//	services {"Node":"n1","ID":"web-1",…}
//	-checks {"Node":"n1","CheckID":"web-1",…}
const (
	commitName = "commit"
	goneMark   = "-"
)

// commitHead is the first line of a commit.
type commitHead struct{ Index uint64 }

// commitText is a commit as it is kept. It has its room from the commit before.
type commitText struct {
	text  bytes.Buffer
	lines *savedWriter // to text
}

// mostRoom is how much room a commit leaves to the next at most.
const mostRoom = 1 << 20

// of writes a commit, which is good until the next.
func (t *commitText) of(index uint64, changes []change) ([]byte, error) {
	if t.text.Reset(); t.lines == nil || t.text.Cap() > mostRoom {
		t.text = bytes.Buffer{}
		t.lines = newSavedWriter(&t.text)
	}
	if err := t.lines.write(commitName, commitHead{index}); err != nil {
		return nil, err
	}
	for _, c := range changes {
		mark := ""
		if c.gone {
			mark = goneMark
		}
		if err := t.lines.write(mark+c.table, saved(c.row)); err != nil {
			return nil, err
		}
	}
	return t.text.Bytes(), nil
}

// Snapshot returns the state as it is now. It is good until the next
// [Saved.Redo].
func (s *Saved) Snapshot() *Snapshot {
	s.tables.entries.settle()
	return &Snapshot{tables: s.tables}
}

// Commit is a kept commit that was read.
type Commit struct {
	index   uint64
	changes []change
}

// Commit reads a commit, as [Keeper.Keep] was given it.
func (r *Reader) Commit(text []byte) (*Commit, error) {
	head, rest, _ := bytes.Cut(text, []byte{'\n'})
	name, data, _ := bytes.Cut(head, []byte{' '})
	var is commitHead
	if string(name) != commitName {
		return nil, fmt.Errorf("it begins with %q: it is no commit", name)
	}
	if err := r.strictly(data, &is); err != nil {
		return nil, err
	}
	c := &Commit{index: is.Index}
	for len(rest) > 0 {
		line, more, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			return nil, errors.New("its last line breaks off")
		}
		line, gone := bytes.CutPrefix(line, []byte(goneMark))
		name, row, err := r.row(line)
		if err != nil {
			return nil, err
		}
		c.changes = append(c.changes, change{name, row, gone})
		rest = more
	}
	return c, nil
}

// Redo makes the changes of a kept commit. When there is an error, the state
// must not be used.
func (s *Saved) Redo(c *Commit) error {
	if c.index <= s.tables.index {
		return fmt.Errorf("its index is %d, and the one before it has %d", c.index, s.tables.index)
	}
	for _, change := range c.changes {
		table := s.kinds[change.table]
		if !change.gone {
			table.set(change.row)
		} else if !table.unset(change.row) {
			return fmt.Errorf("table %s: a row goes that is not there", change.table)
		}
	}
	s.tables.index = c.index
	return nil
}

// savedWriter writes the lines of a saved state.
type savedWriter struct {
	out  io.Writer
	json *json.Encoder
}

func newSavedWriter(out io.Writer) *savedWriter {
	w := &savedWriter{out, json.NewEncoder(out)}
	w.json.SetEscapeHTML(false)
	return w
}

func (w *savedWriter) write(name string, value any) error {
	if _, err := io.WriteString(w.out, name); err != nil {
		return err
	}
	if _, err := io.WriteString(w.out, " "); err != nil {
		return err
	}
	return w.json.Encode(value)
}
