package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Reader reads the rows of saved states and of kept commits. It knows no
// state: so several can read at the same time what is then put together in
// order. One is not safe for concurrent use; it keeps what reading a row needs
// for the next.
type Reader struct {
	kinds map[string]kind // by name; they stay empty
	line  bytes.Reader    // what json reads, one row after the other
	json  *json.Decoder   // nil after an error
	given int64           // bytes that json was
}

// NewReader returns a reader.
func NewReader() *Reader { return &Reader{kinds: newTables().named()} }

// row reads a line: the name of a table and a row of it.
func (r *Reader) row(line []byte) (name string, row any, err error) {
	first, data, _ := bytes.Cut(line, []byte{' '})
	name = string(first)
	table := r.kinds[name]
	if table == nil {
		return "", nil, fmt.Errorf("unknown table %q: was it written by a newer muster?", name)
	}
	row = table.blank()
	if err := r.strictly(data, saved(row)); err != nil {
		return "", nil, fmt.Errorf("table %s: %w", name, err)
	}
	if row, ok := row.(loaded); ok {
		row.loaded()
	}
	return name, row, nil
}

// errMore reports a row that goes on behind its end.
var errMore = errors.New("something follows the row")

// strictly reads one value, of which it must know every field. It must be all
// there is.
func (r *Reader) strictly(data []byte, value any) error {
	r.line.Reset(data)
	if r.json == nil {
		r.json, r.given = json.NewDecoder(&r.line), 0
		r.json.DisallowUnknownFields()
	}
	err := r.json.Decode(value)
	r.given += int64(len(data))
	switch {
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // nothing is there
	case err == nil && r.json.InputOffset() != r.given:
		err = errMore
	}
	if err != nil {
		r.json = nil // it may be anywhere
	}
	return err
}
