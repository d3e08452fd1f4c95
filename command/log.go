package command

import (
	"io"
	"log/slog"

	"github.com/realjf/muster/config"
)

// newLogger returns a logger that writes to w as cfg says.
func newLogger(cfg config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level}
	if cfg.Format == config.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
