package api

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
)

// stream is an answer without an end: it sends piece after piece until ctx
// ends, which it does when the client goes or the registry closes. Each piece
// is on its way when send returns; an error means that nobody reads any more.
// It sends nothing first, when it is ready: so the client knows that it was let
// in, and misses nothing from there on.
type stream func(ctx context.Context, send func(piece []byte) error) error

// flow writes a stream.
func (a *API) flow(w http.ResponseWriter, r *http.Request, s stream) error {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.open, cancel)()
	out := http.NewResponseController(w)
	var body pipe = plain{w}
	if takesGzip(r.Header.Get("Accept-Encoding")) {
		zip, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // fails for unknown levels only
		body = zip
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	}
	err := s(ctx, func(piece []byte) error {
		if len(piece) > 0 {
			if _, err := body.Write(piece); err != nil {
				return err
			}
			if err := body.Flush(); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	switch {
	case errors.Is(err, http.ErrNotSupported): // said of nothing, before the first piece
		w.Header().Del("Content-Encoding")
		return &failure{http.StatusInternalServerError, "Streaming not supported"}
	case err != nil:
		a.logger.Debug("stream ended", "path", r.URL.Path, "error", err)
	default:
		_ = body.Close() // the one error is that the client is gone
	}
	return nil
}

// pipe is what a stream's pieces go through: it may keep them back until it is
// flushed.
type pipe interface {
	io.WriteCloser
	Flush() error
}

// plain is a pipe that keeps nothing back.
type plain struct{ io.Writer }

func (plain) Flush() error { return nil }
func (plain) Close() error { return nil }
