package state

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/internal/inorder"
)

// A saved state is text, a line for each row:
//
//	muster-state {"Version":1,"Index":1795369641356123}
//	nodes {"ID":"…","Node":"n1",…}
//	services {"Node":"n1","ID":"web-1",…}
//	…
//	end {"Rows":2,"SHA256":"…"}
//
// The rows are those of every table, in the JSON of their types, and the
// checksum is that of all lines before the last. A reader takes all of it or
// nothing: what it does not know it refuses, rather than lose it.
const (
	savedVersion = 1
	firstName    = "muster-state"
	lastName     = "end"
)

// savedHead is the first line.
type savedHead struct {
	Version int
	Index   uint64 // of the last write
}

// savedEnd is the last line.
type savedEnd struct {
	Rows   int
	SHA256 string
}

// ErrNotSaved reports what no muster saved: it does not even begin so.
var ErrNotSaved = errors.New("it is no state that muster saved")

// savedAs is a row that its own JSON does not hold whole. It returns what is
// written and read in its place, with pointers into the row.
type savedAs interface{ savedAs() any }

// loaded is a row that has something to do when it was read.
type loaded interface{ loaded() }

// saved returns the form in which a row is written and read.
func saved(row any) any {
	if other, ok := row.(savedAs); ok {
		return other.savedAs()
	}
	return row
}

// rawText is a text that may not be UTF-8, as the texts of JSON are.
type rawText string

// MarshalJSON implements json.Marshaler.
func (t rawText) MarshalJSON() ([]byte, error) { return json.Marshal([]byte(t)) }

// UnmarshalJSON implements json.Unmarshaler.
func (t *rawText) UnmarshalJSON(data []byte) error {
	var text []byte
	err := json.Unmarshal(data, &text)
	*t = rawText(text)
	return err
}

// ifTrue is written only where it is true.
type ifTrue bool

// IsZero tells package json.
func (t *ifTrue) IsZero() bool { return !bool(*t) }

// Save writes everything there is, in the form that [Load] reads: the same
// bytes each time. It holds nobody up. The error is the writer's.
func (s *Snapshot) Save(w io.Writer) error {
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 64<<10)
	lines := newSavedWriter(out)
	if err := lines.write(firstName, savedHead{savedVersion, s.index}); err != nil {
		return err
	}
	rows := 0
	for name, table := range s.each {
		for row := range table.every {
			if err := lines.write(name, saved(row)); err != nil {
				return err
			}
			rows++
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	end := savedEnd{rows, hex.EncodeToString(sum.Sum(nil))}
	if err := lines.write(lastName, end); err != nil {
		return err
	}
	return out.Flush()
}

// Saved is a saved state that was read whole and is sound.
type Saved struct {
	tables *tables
	kinds  map[string]kind // the tables, by name
	sizes  []TableSize
}

// Blank returns the saved state of a store in which nothing was ever written.
func Blank() *Saved {
	t := newTables()
	return &Saved{tables: t, kinds: t.named()}
}

// TableSize says how much of a saved state a table is.
type TableSize struct {
	Name  string
	Rows  int
	Bytes int
}

// Index returns the index of the last write before the state was saved.
func (s *Saved) Index() uint64 { return s.tables.index }

// Sizes returns how much each table is, in the order in which they are saved.
func (s *Saved) Sizes() []TableSize { return s.sizes }

// Load reads what [Snapshot.Save] wrote, to its end. The error is the
// reader's, [ErrNotSaved], or says what is wrong and where: it broke off, was
// changed, or is from another version of muster. It uses all processors.
func Load(r io.Reader) (*Saved, error) {
	in := &savedLines{in: bufio.NewReaderSize(r, 64<<10), sum: sha256.New()}
	line, err := in.next()
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, errLongLine) {
		return nil, err
	}
	var head savedHead
	name, data, _ := bytes.Cut(line, []byte{' '})
	if string(name) != firstName || json.Unmarshal(data, &head) != nil {
		return nil, ErrNotSaved
	}
	if head.Version != savedVersion {
		return nil, fmt.Errorf("it was saved in version %d of the format, and this muster reads version %d", head.Version, savedVersion)
	}
	s := Blank()
	s.tables.index = head.Index
	if err := s.readRows(in); err != nil {
		return nil, err
	}
	return s, s.Check()
}

// readRows reads all lines after the first.
func (s *Saved) readRows(in *savedLines) error {
	places := map[string]int{}
	for name := range s.tables.each {
		places[name] = len(s.sizes)
		s.sizes = append(s.sizes, TableSize{Name: name})
	}
	rows := 0
	err := inorder.Each(in.some, readLines, func(lines []readLine) error {
		for _, line := range lines {
			if line.err == nil && !s.kinds[line.table].add(line.row) {
				line.err = fmt.Errorf("table %s has the same row twice", line.table)
			}
			rows++
			if line.err != nil {
				return fmt.Errorf("line %d: %w", rows+1, line.err)
			}
			size := &s.sizes[places[line.table]]
			size.Rows++
			size.Bytes += line.size
		}
		return nil
	})
	if err == nil {
		err = in.end(rows)
	}
	return err
}

// readLine is a line of a saved state that was read.
type readLine struct {
	table string
	row   any
	size  int // bytes of the row
	err   error
}

// readLines reads lines.
func readLines(text []byte) []readLine {
	var read []readLine
	rows := NewReader()
	for line := range bytes.Lines(text) {
		line = line[:len(line)-1]
		name, row, err := rows.row(line)
		read = append(read, readLine{name, row, len(line) - len(name), err})
	}
	return read
}

// Check returns what of the state does not fit together. [Load] has looked;
// whoever changed it by [Saved.Redo] since must look again.
func (s *Saved) Check() error {
	t, snapshot := s.tables, s.Snapshot()
	homeless := func(what, id, node string) error {
		return fmt.Errorf("%s %q is on a node that is not there: %q", what, id, node)
	}
	for _, svc := range t.services.all() {
		if snapshot.Node(svc.Node) == nil {
			return homeless("service", svc.ID, svc.Node)
		}
	}
	for _, check := range t.checks.all() {
		if snapshot.Node(check.Node) == nil {
			return homeless("check", check.CheckID, check.Node)
		}
		if check.ServiceID != "" && snapshot.Service(check.Node, check.ServiceID) == nil {
			return UnknownService{check.ServiceID, check.CheckID}
		}
	}
	if snapshot.configs.get(configKey(mesh.EntryID{})) != nil {
		return errors.New("a config entry says nothing")
	}
	for _, session := range t.sessions.all() {
		switch {
		case session.ID == "": // nobody could ask for it, or end it
			return errors.New("a session has no id")
		case snapshot.Node(session.Node) == nil:
			return homeless("session", session.ID, session.Node)
		}
	}
	for _, query := range t.queries.all() {
		if query.ID == "" {
			return errors.New("a query has no id")
		}
	}
	return nil
}

// savedLines are the lines of a saved state.
type savedLines struct {
	in    *bufio.Reader
	sum   hash.Hash // of all lines but the last
	count int
	long  []byte // room for lines longer than the reader's
	last  []byte // the last line, once it was reached
}

// longestLine bounds what is held of a line: a key's value is the longest
// there is, and has half a MiB.
const longestLine = 16 << 20

var errLongLine = fmt.Errorf("it has more than %d bytes", longestLine)

// next returns the next line, which is good until the next call.
func (l *savedLines) next() ([]byte, error) {
	l.count++
	line, err := l.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		l.long = l.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) {
			if len(l.long) > longestLine {
				return nil, errLongLine
			}
			l.long = append(l.long, line...)
			line, err = l.in.ReadSlice('\n')
		}
		l.long = append(l.long, line...)
		line = l.long
	}
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("it breaks off: %w", io.ErrUnexpectedEOF)
	case err != nil:
		return nil, err
	}
	if !bytes.HasPrefix(line, []byte(lastName+" ")) {
		l.sum.Write(line) // never fails
	}
	return line, nil
}

// someBytes is how much of a saved state is read at a time: enough to be worth
// handing over.
const someBytes = 128 << 10

// some returns some lines of rows; io.EOF when the last line was reached.
func (l *savedLines) some() ([]byte, error) {
	if l.last != nil {
		return nil, io.EOF
	}
	text := make([]byte, 0, someBytes+someBytes/4)
	for len(text) < someBytes {
		line, err := l.next()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", l.count, err)
		}
		if bytes.HasPrefix(line, []byte(lastName+" ")) {
			l.last = bytes.Clone(line)
			break
		}
		text = append(text, line...)
	}
	return text, nil
}

// end compares the last line with what it should be after so many rows, and
// looks whether it is the last.
func (l *savedLines) end(rows int) error {
	wrong := func(err error) error { return fmt.Errorf("line %d: %w", l.count, err) }
	var end savedEnd
	if err := NewReader().strictly(l.last[len(lastName)+1:len(l.last)-1], &end); err != nil {
		return wrong(err)
	}
	if end != (savedEnd{rows, hex.EncodeToString(l.sum.Sum(nil))}) {
		return wrong(errors.New("the checksum is another: it was changed or damaged"))
	}
	switch _, err := l.in.ReadByte(); {
	case err == nil:
		return wrong(errors.New("there is more after the end"))
	case !errors.Is(err, io.EOF):
		return wrong(err)
	}
	return nil
}
