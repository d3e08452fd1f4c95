// Package monitor lets others read the agent's log while it is written, each
// at a level of their own, in the lines that Consul's programs write.
//
// It never waits for a reader: whoever is slow loses lines, and learns how
// many. It keeps nothing: a reader gets what is logged after it came.
package monitor

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
)

// Log is a log that can be read. It is safe for concurrent use.
type Log struct {
	own slog.Handler // of the agent itself

	mu      sync.Mutex // held to change readers
	readers atomic.Pointer[[]*Reader]
}

// New returns a log that goes to own as well, at the level of that; nil means
// only to readers.
func New(own *slog.Logger) *Log {
	l := &Log{own: slog.DiscardHandler}
	if own != nil {
		l.own = own.Handler()
	}
	l.readers.Store(&[]*Reader{})
	return l
}

// Logger returns the logger for a part of the agent, which readers see by name:
// empty for the agent as a whole.
func (l *Log) Logger(part string) *slog.Logger {
	module := "agent"
	if part != "" {
		module += "." + part
	}
	return slog.New(&handler{log: l, own: l.own, module: module})
}

// Read returns a reader of everything of a level or above that is logged from
// now on. It must be closed.
func (l *Log) Read(level slog.Level, format Format) *Reader {
	r := &Reader{log: l, level: level, format: format, lines: make(chan []byte, waiting)}
	l.change(func(readers []*Reader) []*Reader { return append(readers, r) })
	return r
}

// change puts another list of readers in the place of the one there is, which
// may be in use and stays as it is.
func (l *Log) change(to func([]*Reader) []*Reader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	readers := to(slices.Clone(*l.readers.Load()))
	l.readers.Store(&readers)
}

// waiting is how many lines a reader may be behind: as many as with Consul.
const waiting = 512

// Reader reads a log.
type Reader struct {
	log    *Log
	level  slog.Level
	format Format
	lines  chan []byte
	lost   atomic.Int64
}

// Lines returns the lines in the order in which they were logged, each with its
// end. The channel is never closed.
func (r *Reader) Lines() <-chan []byte { return r.lines }

// Close ends the reading and returns how many lines were lost because they
// were not read in time.
func (r *Reader) Close() (lost int) {
	r.log.change(func(readers []*Reader) []*Reader {
		return slices.DeleteFunc(readers, func(other *Reader) bool { return other == r })
	})
	return int(r.lost.Load())
}

// handler takes what one part of the agent logs.
type handler struct {
	log    *Log
	own    slog.Handler // with the attributes and groups that were added
	module string
	attrs  []slog.Attr // the same, under their full names
	group  string      // in front of the names to come, with a dot
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	for _, reader := range *h.log.readers.Load() {
		if level >= reader.level {
			return true
		}
	}
	return h.own.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, record slog.Record) error {
	for _, reader := range *h.log.readers.Load() {
		if record.Level < reader.level {
			continue
		}
		select {
		case reader.lines <- reader.format(h.entry(record)):
		default:
			reader.lost.Add(1)
		}
	}
	if !h.own.Enabled(ctx, record.Level) {
		return nil
	}
	return h.own.Handle(ctx, record)
}

// entry is the record with everything that is known of it.
func (h *handler) entry(record slog.Record) entry {
	attrs := slices.Clone(h.attrs)
	record.Attrs(func(attr slog.Attr) bool {
		attrs = flatten(attrs, h.group, attr)
		return true
	})
	return entry{time: record.Time, level: record.Level, module: h.module, message: record.Message, attrs: attrs}
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.own = h.own.WithAttrs(attrs)
	with.attrs = slices.Clone(h.attrs)
	for _, attr := range attrs {
		with.attrs = flatten(with.attrs, h.group, attr)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	with := *h
	with.own = h.own.WithGroup(name)
	with.group += name + "."
	return &with
}

// flatten adds an attribute under its full name; a group becomes its parts.
func flatten(attrs []slog.Attr, group string, attr slog.Attr) []slog.Attr {
	value := attr.Value.Resolve()
	if value.Kind() != slog.KindGroup {
		if attr.Key == "" {
			return attrs
		}
		return append(attrs, slog.Attr{Key: group + attr.Key, Value: value})
	}
	if attr.Key != "" {
		group += attr.Key + "."
	}
	for _, part := range value.Group() {
		attrs = flatten(attrs, group, part)
	}
	return attrs
}
