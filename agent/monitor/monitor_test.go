package monitor

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

// read returns the lines that are there.
func read(r *Reader) (lines []string) {
	for {
		select {
		case line := <-r.Lines():
			lines = append(lines, string(line))
		default:
			return lines
		}
	}
}

func TestFormats(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	for _, tc := range []struct {
		name       string
		entry      entry
		text, json string
	}{
		{
			"a plain message", entry{at, slog.LevelInfo, "agent", "registry is open", nil},
			"2026-01-02T03:04:05.678Z [INFO]  agent: registry is open\n",
			`{"@level":"info","@message":"registry is open","@module":"agent","@timestamp":"2026-01-02T03:04:05.678900Z"}` + "\n",
		},
		{
			"with values", entry{at, slog.LevelDebug, "agent.http", "request finished", []slog.Attr{
				slog.String("url", "/v1/kv/a?raw"), slog.Duration("latency", 749592), slog.Any("error", errors.New("a b\nc")), slog.Int("n", 3), slog.String("none", ""),
			}},
			`2026-01-02T03:04:05.678Z [DEBUG] agent.http: request finished: url=/v1/kv/a?raw latency="749.592µs" error="a b\nc" n=3 none=""` + "\n",
			`{"@level":"debug","@message":"request finished","@module":"agent.http","@timestamp":"2026-01-02T03:04:05.678900Z","error":"a b\nc","latency":"749.592µs","n":3,"none":"","url":"/v1/kv/a?raw"}` + "\n",
		},
		{
			"what JSON does not know", entry{at, slog.LevelError + 1, "agent", "odd", []slog.Attr{slog.Float64("x", math.Inf(1))}},
			"2026-01-02T03:04:05.678Z [ERROR] agent: odd: x=+Inf\n",
			`{"@level":"error","@message":"odd","@module":"agent","@timestamp":"2026-01-02T03:04:05.678900Z","x":"+Inf"}` + "\n",
		},
	} {
		if got := string(Text(tc.entry)); got != tc.text {
			t.Errorf("%s: got  %swant %s", tc.name, got, tc.text)
		}
		if got := string(JSON(tc.entry)); got != tc.json {
			t.Errorf("%s: got  %swant %s", tc.name, got, tc.json)
		}
	}
}

func TestLevels(t *testing.T) {
	for _, name := range []string{"trace", "DEBUG", "Info", "warn", "error", "err"} {
		level, known := Level(name)
		if !known || !strings.HasPrefix(levelName(level), strings.ToUpper(name)) {
			t.Errorf("%s is level %v, %v", name, level, known)
		}
	}
	for _, name := range []string{"", "off", "bogus", "1"} {
		if level, known := Level(name); known {
			t.Errorf("%q is level %v, want none", name, level)
		}
	}
}

func TestReadersHaveLevelsOfTheirOwn(t *testing.T) {
	var own bytes.Buffer
	log := New(slog.New(slog.NewTextHandler(&own, nil))) // at info
	logger := log.Logger("http").With("a", 1).WithGroup("g").With("b", 2)
	logger.Debug("nobody reads")
	debug, warn := log.Read(slog.LevelDebug, Text), log.Read(slog.LevelWarn, Text)
	logger.Debug("one", "c", 3)
	logger.Warn("two", slog.Group("h", "d", 4))
	if got := read(debug); len(got) != 2 || !strings.HasSuffix(got[0], "[DEBUG] agent.http: one: a=1 g.b=2 g.c=3\n") {
		t.Errorf("the reader at debug got %q", got)
	}
	if got := read(warn); len(got) != 1 || !strings.HasSuffix(got[0], "[WARN]  agent.http: two: a=1 g.b=2 g.h.d=4\n") {
		t.Errorf("the reader at warn got %q", got)
	}
	if lost := debug.Close() + warn.Close(); lost != 0 {
		t.Errorf("%d lines were lost", lost)
	}
	logger.Debug("nobody reads any more")
	if got := read(debug); got != nil {
		t.Errorf("a closed reader got %q", got)
	}
	if got := own.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "msg=two a=1 g.b=2 g.h.d=4") {
		t.Errorf("the agent's own log has %q", got)
	}
}

// TestSlowReaderHoldsNobodyUp lets many log at once to a reader who does not
// read: all of them end, and what did not fit is counted.
func TestSlowReaderHoldsNobodyUp(t *testing.T) {
	log := New(nil)
	reader := log.Read(slog.LevelInfo, JSON)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range waiting {
				log.Logger("").Info("again")
			}
		})
	}
	all.Wait()
	lines := read(reader)
	if lost := reader.Close(); len(lines) != waiting || lost != 3*waiting {
		t.Errorf("got %d lines and %d lost, want %d and %d", len(lines), lost, waiting, 3*waiting)
	}
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Fatalf("not JSON: %q", line)
		}
	}
}
