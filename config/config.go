// Package config turns flags, environment, files and defaults into the settings
// of a command, one documented struct each, and says clearly what is wrong with
// them. A flag wins over an environment variable, that over a file, and all of
// them over a default.
//
// The variables are MUSTER_ and the flag's name (-service.port is
// MUSTER_SERVICE_PORT), and those that Consul's own tools read
// (CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_CACERT and so on).
//
// The registry's settings have Consul's own keys: keys.go is the table of all
// of them and of what muster does about each, options.go that of the command
// line, and settle.go and its neighbours turn them into what the agent takes.
//
// It is the only place that reads flags, environment or files of settings. It
// listens nowhere and asks nobody: whether a registry answers is for the command
// to find out.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Log says what is written to the log, and how.
type Log struct {
	Level  slog.Level // the least level that is written
	Format LogFormat
	File   LogFile
}

// LogFile is a file that the log is written to as well.
type LogFile struct {
	Path  string        // "" for none
	Bytes int           // after which a new file is begun; 0 for no bound
	Span  time.Duration // likewise
	Keep  int           // how many old files are kept: 0 for all, negative for none
}

// defaultRotation is how long a log file is written to, as in Consul.
const defaultRotation = 24 * time.Hour

// LogFormat is the form of a log line.
type LogFormat string

// The forms of a log line.
const (
	Logfmt LogFormat = "logfmt" // key=value, for people
	JSON   LogFormat = "json"   // an object per line, for machines
)

// ErrUsage reports a setting that cannot be used. The error that wraps it says
// which and what to do.
var ErrUsage = errors.New("invalid setting")

// wrong returns an ErrUsage about one setting.
func wrong(flag string, value any, remedy string, args ...any) error {
	return fmt.Errorf("%w: -%s %q: %s", ErrUsage, flag, fmt.Sprint(value), fmt.Sprintf(remedy, args...))
}

// parseLevel reads the name of a log level.
func parseLevel(flag, name string) (level slog.Level, err error) {
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return level, wrong(flag, name, "want debug, info, warn or error")
	}
	return level, nil
}

// oneOf returns value as one of the words of a type.
func oneOf[T ~string](flag, value string, words ...T) (T, error) {
	names := make([]string, len(words))
	for i, word := range words {
		if value == string(word) {
			return word, nil
		}
		names[i] = string(word)
	}
	return "", wrong(flag, value, "want %s", strings.Join(names, " or "))
}
