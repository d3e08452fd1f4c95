package monitor

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// entry is one thing that was logged.
type entry struct {
	time    time.Time
	level   slog.Level
	module  string
	message string
	attrs   []slog.Attr
}

// Format writes a line.
type Format func(entry) []byte

// trace is below debug. The agent logs nothing there.
const trace = slog.LevelDebug - 4

// Level returns the level that Consul calls so, whatever its case.
func Level(name string) (level slog.Level, known bool) {
	switch strings.ToUpper(name) {
	case "TRACE":
		return trace, true
	case "DEBUG":
		return slog.LevelDebug, true
	case "INFO":
		return slog.LevelInfo, true
	case "WARN":
		return slog.LevelWarn, true
	case "ERR", "ERROR":
		return slog.LevelError, true
	default:
		return 0, false
	}
}

// levelName is what lines call a level.
func levelName(level slog.Level) string {
	switch {
	case level < slog.LevelDebug:
		return "TRACE"
	case level < slog.LevelInfo:
		return "DEBUG"
	case level < slog.LevelWarn:
		return "INFO"
	case level < slog.LevelError:
		return "WARN"
	default:
		return "ERROR"
	}
}

// Text is the [Format] of Consul's log, that of github.com/hashicorp/go-hclog:
//
//	2006-01-02T15:04:05.000Z [INFO]  agent.http: message: key=value other="a value"
func Text(e entry) []byte {
	line := e.time.AppendFormat(nil, "2006-01-02T15:04:05.000Z0700")
	line = fmt.Appendf(line, " %-7s %s: %s", "["+levelName(e.level)+"]", e.module, e.message)
	for n, attr := range e.attrs {
		if n == 0 {
			line = append(line, ':')
		}
		line = fmt.Appendf(line, " %s=%s", attr.Key, quoted(attr.Value.String()))
	}
	return append(line, '\n')
}

// quoted quotes what would not stay one word in a line.
func quoted(value string) string {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	if value == "" || strings.ContainsFunc(value, odd) {
		return strconv.Quote(value)
	}
	return value
}

// JSON is the [Format] of Consul's log in JSON, an object per line.
func JSON(e entry) []byte {
	line := map[string]any{}
	for _, attr := range e.attrs {
		line[attr.Key] = plain(attr.Value)
	}
	line["@timestamp"] = e.time.Format("2006-01-02T15:04:05.000000Z07:00")
	line["@level"] = strings.ToLower(levelName(e.level))
	line["@module"] = e.module
	line["@message"] = e.message
	encoded, err := json.Marshal(line)
	if err != nil { // a value that JSON does not know: all of them as text
		for _, attr := range e.attrs {
			line[attr.Key] = attr.Value.String()
		}
		encoded, _ = json.Marshal(line)
	}
	return append(encoded, '\n')
}

// plain is a value as JSON is to show it: what people read as text is text.
func plain(value slog.Value) any {
	switch it := value.Any().(type) {
	case error:
		return it.Error()
	case fmt.Stringer:
		return it.String()
	default:
		return it
	}
}
