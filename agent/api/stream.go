package api

import (
	"context"
	"errors"
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
	err := s(ctx, func(piece []byte) error {
		if len(piece) > 0 {
			if _, err := w.Write(piece); err != nil {
				return err
			}
		}
		return out.Flush()
	})
	if errors.Is(err, http.ErrNotSupported) {
		return errors.New("Streaming not supported") //lint:ignore ST1005 clients see Consul's text
	}
	if err != nil {
		a.logger.Debug("stream ended", "path", r.URL.Path, "error", err)
	}
	return nil
}
