package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
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

// writeCommit writes a commit as it is kept.
func writeCommit(w io.Writer, index uint64, changes []change) error {
	lines := newSavedWriter(w)
	if err := lines.write(commitName, commitHead{index}); err != nil {
		return err
	}
	for _, c := range changes {
		name := c.table
		if c.gone {
			name = goneMark + name
		}
		if err := lines.write(name, saved(c.row)); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot returns the state as it is now. It is good until the next
// [Saved.Redo].
func (s *Saved) Snapshot() *Snapshot {
	s.tables.entries.settle()
	return &Snapshot{tables: s.tables}
}

// Redo makes the changes of a kept commit, as [Keeper.Keep] was given it. When
// there is an error, the state must not be used.
func (s *Saved) Redo(commit []byte) error {
	head, rest, _ := bytes.Cut(commit, []byte{'\n'})
	name, data, _ := bytes.Cut(head, []byte{' '})
	var is commitHead
	if string(name) != commitName {
		return fmt.Errorf("it begins with %q: it is no commit", name)
	}
	if err := strictly(data, &is); err != nil {
		return err
	}
	if is.Index <= s.tables.index {
		return fmt.Errorf("its index is %d, and the one before it has %d", is.Index, s.tables.index)
	}
	for len(rest) > 0 {
		line, more, whole := bytes.Cut(rest, []byte{'\n'})
		if !whole {
			return errors.New("its last line breaks off")
		}
		if err := s.redoRow(line); err != nil {
			return err
		}
		rest = more
	}
	s.tables.index = is.Index
	return nil
}

// redoRow makes the change that a line tells of.
func (s *Saved) redoRow(line []byte) error {
	first, data, _ := bytes.Cut(line, []byte{' '})
	name, gone := strings.CutPrefix(string(first), goneMark)
	table := s.kinds[name]
	if table == nil {
		return fmt.Errorf("unknown table %q: was it kept by a newer muster?", name)
	}
	row, err := readRow(table, data)
	switch {
	case err != nil:
		return fmt.Errorf("table %s: %w", name, err)
	case !gone:
		table.set(row)
	case !table.unset(row):
		return fmt.Errorf("table %s: a row goes that is not there", name)
	}
	return nil
}

// readRow reads one row of a table.
func readRow(table kind, data []byte) (any, error) {
	row := table.blank()
	if err := strictly(data, saved(row)); err != nil {
		return nil, err
	}
	if row, ok := row.(loaded); ok {
		row.loaded()
	}
	return row, nil
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
	if _, err := io.WriteString(w.out, name+" "); err != nil {
		return err
	}
	return w.json.Encode(value)
}
