package api

import (
	"net/http"
	"time"
)

// Who has many streams in a connection of HTTP/2 can stop to read one of them,
// and the connection does not notice: each of its writes has a deadline here. A
// connection with one answer at a time has its own (agent/conns.go).
const (
	pieceTime = 30 * time.Second
	pieceSize = 128 << 10
)

// timed is a writer of an answer that gives up a client who does not read.
type timed struct {
	http.ResponseWriter
	out *http.ResponseController
}

// inTime returns w, or what bounds its writes where nothing else does.
func inTime(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if r.ProtoMajor < 2 {
		return w
	}
	return timed{w, http.NewResponseController(w)}
}

// Unwrap is for http.ResponseController.
func (t timed) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Write implements io.Writer. Each piece has its own time.
func (t timed) Write(p []byte) (written int, err error) {
	defer func() { _ = t.out.SetWriteDeadline(time.Time{}) }() // a stream may have nothing to say for long
	for first := true; first || len(p) > 0; first = false {
		_ = t.out.SetWriteDeadline(time.Now().Add(pieceTime)) // writers of tests have none
		n, err := t.ResponseWriter.Write(p[:min(len(p), pieceSize)])
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}
