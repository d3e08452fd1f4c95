package endpoint

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	kit "github.com/go-kit/kit/endpoint"

	"github.com/realjf/muster/service"
)

// levels says how loud a call of each kind is. What callers ask for must not
// fill the log; what the registry or we ourselves did wrong belongs there.
var levels = map[service.Kind]slog.Level{
	service.OK:          slog.LevelDebug,
	service.Invalid:     slog.LevelDebug,
	service.NotFound:    slog.LevelDebug,
	service.Unhealthy:   slog.LevelDebug,
	service.Leaving:     slog.LevelDebug,
	service.Canceled:    slog.LevelDebug,
	service.Unavailable: slog.LevelWarn,
	service.Timeout:     slog.LevelWarn,
	service.Internal:    slog.LevelError,
}

// logCalls writes a line per call, as loud as its outcome asks for.
func logCalls(logger *slog.Logger, method string) kit.Middleware {
	return func(next kit.Endpoint) kit.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			start := time.Now()
			response, err := next(ctx, request)

			kind := service.KindOf(err)
			level := levels[kind]
			if !logger.Enabled(ctx, level) {
				return response, err
			}
			attrs := []slog.Attr{
				slog.String("method", method),
				slog.String("outcome", string(kind)),
				slog.Duration("took", time.Since(start)),
			}
			if err != nil {
				attrs = append(attrs, slog.Any("error", err))
			}
			var panicked *PanicError
			if errors.As(err, &panicked) {
				attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
			}
			logger.LogAttrs(ctx, level, "call", attrs...)
			return response, err
		}
	}
}

// PanicError is what becomes of a panic inside of an endpoint.
type PanicError struct {
	Value any    // what the code panicked with
	Stack []byte // where
}

// Error says what the code panicked with.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// recoverPanics turns a panic into a *PanicError, so that one bad call does not
// go uncounted and its caller gets an answer.
func recoverPanics(next kit.Endpoint) kit.Endpoint {
	return func(ctx context.Context, request any) (response any, err error) {
		defer func() {
			if value := recover(); value != nil {
				response, err = nil, &PanicError{Value: value, Stack: debug.Stack()}
			}
		}()
		return next(ctx, request)
	}
}

// limitTime ends a call's context after limit.
func limitTime(limit time.Duration) kit.Middleware {
	return func(next kit.Endpoint) kit.Endpoint {
		return func(ctx context.Context, request any) (any, error) {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			return next(ctx, request)
		}
	}
}
