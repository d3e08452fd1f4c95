package api

import (
	"errors"
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

// leastRate is how many bytes a second an answer is to be taken with, apart
// from patienceTime that its reader may lose at any time: whoever takes 128 KiB in
// half a minute would hold an answer of 80 MB for hours. It is some 2 Mbit/s.
const (
	leastRate    = 256 << 10
	patienceTime = 30 * time.Second
)

// Why an answer breaks off.
var (
	errTooSlow = errors.New("its reader is too slow")
	errGaveWay = errors.New("its reader was among the slowest while large answers had no room")
)

// timed is a writer of an answer that gives up a client who does not read.
type timed struct {
	http.ResponseWriter
	out     *http.ResponseController
	streams bool // in a connection: each write has a deadline
	whole   bool // it is of an answer with an end, which is taken in time
	reader  *reader
	written int
	spent   time.Duration // in writes
}

// inTime returns what bounds the writes to w where nothing else does. An answer
// that is endless has no rate: it waits for what there is to tell.
func inTime(w http.ResponseWriter, r *http.Request, endless bool) *timed {
	return &timed{ResponseWriter: w, out: http.NewResponseController(w), streams: r.ProtoMajor >= 2, whole: !endless}
}

// Unwrap is for http.ResponseController.
func (t *timed) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// Write implements io.Writer. Each piece has its own time. The error is
// errTooSlow or errGaveWay when the answer must break off for that.
func (t *timed) Write(p []byte) (written int, err error) {
	if t.streams {
		defer func() { _ = t.out.SetWriteDeadline(time.Time{}) }() // a stream may have nothing to say for long
	}
	for first := true; first || len(p) > 0; first = false {
		if t.reader.gaveWay() {
			return written, errGaveWay
		}
		began := time.Now()
		if t.streams {
			_ = t.out.SetWriteDeadline(began.Add(pieceTime)) // writers of tests have none
		}
		n, err := t.ResponseWriter.Write(p[:min(len(p), pieceSize)])
		written += n
		t.written += n
		t.spent += time.Since(began)
		t.reader.took(n)
		switch {
		case t.reader.gaveWay():
			return written, errGaveWay
		case err != nil:
			return written, err
		case t.whole && t.spent > patienceTime+time.Duration(t.written)*(time.Second/leastRate):
			return written, errTooSlow
		}
		p = p[n:]
	}
	return written, nil
}
