package command

import (
	"io"
	"log/slog"

	"github.com/realjf/muster/config"
)

// newLogger returns a logger that writes to w as cfg says.
func newLogger(cfg config.Log, w io.Writer) *slog.Logger { return logger(cfg.Format, cfg.Level, w) }

func logger(format config.LogFormat, level slog.Leveler, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == config.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// agentLog is the log of a registry, whose level can change.
type agentLog struct {
	*slog.Logger
	level *slog.LevelVar
	file  *logFile // nil for none
}

// openLog returns a log that goes to w and, if cfg says so, to a file.
func openLog(cfg config.Log, w io.Writer) (*agentLog, error) {
	log := &agentLog{level: new(slog.LevelVar)}
	log.level.Set(cfg.Level)
	if cfg.File.Path != "" {
		file, err := openLogFile(cfg.File)
		if err != nil {
			return nil, err
		}
		log.file, w = file, io.MultiWriter(w, file)
	}
	log.Logger = logger(cfg.Format, log.level, w)
	return log, nil
}

func (l *agentLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.close()
}
