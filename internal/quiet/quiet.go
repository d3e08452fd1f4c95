// Package quiet is the logger of those who want none: code that logs need not
// ask each time whether there is one. It makes no other.
package quiet

import "log/slog"

// Logger returns logger, or one that says nothing where it is nil.
func Logger(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}
