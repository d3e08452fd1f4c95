package journal

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/inorder"
)

// Damaged is the error of a file that is not as it was written.
type Damaged struct {
	File   string
	Offset int64 // where the damage begins
	Reason error
	// Cut says that something stands before the damage, with which
	// [Config.CutDamaged] goes on.
	Cut bool
}

func (e *Damaged) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %v", e.File, e.Offset, e.Reason)
}

func (e *Damaged) Unwrap() error { return e.Reason }

// recovered is what a folder held.
type recovered struct {
	saved  *state.Saved
	number int      // the highest there is
	size   int64    // bytes of the state
	grown  int64    // bytes of the logs after it
	logs   int      // how many those are
	cut    []int    // the logs that are damaged, or come after one that is
	torn   *Damaged // where the last log that was read breaks off, if it does
}

// recoverFrom reads the last state and the logs after it.
func recoverFrom(d disk, config Config) (*recovered, error) {
	names, err := d.list()
	if err != nil {
		return nil, err
	}
	found := &recovered{saved: state.Blank()}
	var logs []int
	last := 0 // state
	for _, name := range names {
		number, kind := parseName(name)
		found.number = max(found.number, number)
		switch kind {
		case aLog:
			logs = append(logs, number)
		case aState:
			last = max(last, number)
		case anUnfinished:
			if err := d.remove(name); err != nil {
				return nil, err
			}
		}
	}
	if last > 0 {
		if err := found.readState(d, last); err != nil {
			return nil, err
		}
	}
	slices.Sort(logs)
	for n, number := range logs {
		if number < last {
			continue // its commits are in the state
		}
		found.logs++
		err := found.readLog(d, number)
		damaged := (*Damaged)(nil)
		if errors.As(err, &damaged) {
			damaged.Cut = found.saved.Index() > 0
		}
		if damaged != nil && damaged.Cut && config.CutDamaged {
			config.Logger.Error("the data directory is damaged: going on with what stands before that", "error", err, "index", found.saved.Index())
			found.cut, found.torn = logs[n:], nil
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if found.torn != nil {
		config.Logger.Warn("the last write before the agent ended is not whole, and is left out: "+
			"it was not acknowledged, unless the disk has lost what it had called safe", "at", found.torn)
	}
	return found, found.saved.Check()
}

// readState reads a state.
func (r *recovered) readState(d disk, number int) error {
	name := stateName(number)
	in, err := d.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	read := &countingReader{from: in}
	if r.saved, err = state.Load(read); err != nil {
		return &Damaged{File: name, Offset: read.size, Reason: err}
	}
	r.size = read.size
	return nil
}

// countingReader counts what is read through it.
type countingReader struct {
	from io.Reader
	size int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.size += int64(n)
	return n, err
}

// readLog makes the changes of a log's commits: [Damaged]. A log may break off
// where a write was under way when the agent ended; the log after it, if there
// is one, tells whether that had been acknowledged.
func (r *recovered) readLog(d disk, number int) error {
	name := logName(number)
	in, err := d.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	log := newRecords(in)
	text, err := log.next()
	if err == nil {
		if err := r.follows(text); err != nil {
			return &Damaged{File: name, Reason: err}
		}
		err = inorder.Each(log.batch, batch.commits, func(commits []kept) error {
			for _, c := range commits {
				if c.err == nil {
					c.err = r.saved.Redo(c.commit)
				}
				if c.err != nil {
					return &Damaged{File: name, Offset: c.offset, Reason: c.err}
				}
				r.grown += int64(c.size)
			}
			return nil
		})
	}
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errBroken):
		return r.breaksOff(d, name, log.offset)
	case errors.As(err, new(*Damaged)):
		return err
	default:
		return fmt.Errorf("read %s: %w", name, err)
	}
}

// follows returns why a log with this head cannot come next, or nil.
func (r *recovered) follows(text []byte) error {
	is, err := parseHead(text)
	if err != nil {
		return err
	}
	if is.After != r.saved.Index() {
		missing := fmt.Errorf("it goes on after index %d, and what there is before it ends at %d: a file before it is missing, or not whole",
			is.After, r.saved.Index())
		if r.torn != nil {
			return fmt.Errorf("%w: %w", missing, r.torn)
		}
		return missing
	}
	r.torn = nil // what broke off was never acknowledged: the log after it knows
	return nil
}

// breaksOff judges a log that goes on at offset with what is no record. What
// was being written when the agent ended is the last thing in it; where a whole
// record follows, something else happened.
func (r *recovered) breaksOff(d disk, name string, offset int64) error {
	in, err := d.open(name)
	if err != nil {
		return err
	}
	defer in.Close()
	if _, err := io.CopyN(io.Discard, in, offset); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	rest, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if next := anyRecord(rest); next >= 0 {
		return &Damaged{File: name, Offset: offset, Reason: fmt.Errorf("%w, and whole ones follow from byte %d", errBroken, offset+int64(next))}
	}
	r.torn = &Damaged{File: name, Offset: offset, Reason: fmt.Errorf("%d bytes are no record", len(rest))}
	return nil
}
