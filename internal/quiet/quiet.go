// Package quiet is the logger of who wants none.
package quiet

import "log/slog"

// Logger returns logger, or one that says nothing where it is nil.
func Logger(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}
