package api

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// What requests say is read before they get their turn: so whoever sends a
// byte a second keeps nobody waiting.

const (
	// bodyTime is how long the body of a request may take to arrive, where its
	// route does not say.
	bodyTime = 30 * time.Second
	// smallBody is what always has room: as much as nearly all bodies have.
	smallBody = 16 << 10
	// roomForBodies is what all larger ones have together.
	roomForBodies = 64 << 20
)

// room is how many bytes more may be held.
type room struct{ left atomic.Int64 }

func (m *room) take(n int) bool {
	if m.left.Add(-int64(n)) >= 0 {
		return true
	}
	m.give(n)
	return false
}

func (m *room) give(n int) { m.left.Add(int64(n)) }

// body is what was read of a request's body, and the error after it.
type body struct {
	bytes.Reader
	end  error
	room *room
	held int // taken of room
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = b.end
	}
	return n, err
}

// Close gives its room back. It implements io.Closer.
func (b *body) Close() error {
	b.room.give(b.held)
	b.held = 0
	return nil
}

// refusedBody is a body that says it is larger than any may be: nothing of it
// is read.
type refusedBody struct {
	io.Closer
	err error
}

// Read implements io.Reader.
func (b refusedBody) Read([]byte) (int, error) { return 0, b.err }

// hurry gives the body of a request so long to arrive from now on.
func hurry(w http.ResponseWriter, within time.Duration) {
	// Not every writer can say so: those of tests and of the page cannot.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within))
}

// readBody reads the body of a request in time, at most one byte more than is
// allowed anywhere, and leaves it to be read again. It returns how large that
// is. The error is errBusy when there is no room for it; one of the connection
// is left for who reads it again. The caller closes the request's body.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, route route) (int, error) {
	if r.Body == http.NoBody {
		return 0, nil
	}
	if route.bodyTime != 0 { // it may be of any size
		hurry(w, route.bodyTime)
		return 0, nil
	}
	limits := a.settings.Load().Limits
	most := max(maxBody, limits.valueBytes(), limits.transactionBytes()) + 1
	if r.ContentLength >= int64(most) { // the one who reads it says what is too much for that
		r.Body = refusedBody{r.Body, &http.MaxBytesError{Limit: int64(most) - 1}}
		return 0, nil
	}
	b := &body{room: &a.room}
	read := make([]byte, 0, min(smallBody, most, 1+int(min(max(511, r.ContentLength), int64(most)))))
	for b.end == nil && len(read) < most {
		if len(read) == cap(read) {
			more := min(max(smallBody, len(read)), most-len(read))
			if !b.room.take(more) {
				_ = b.Close() // it never fails
				return 0, errBusy
			}
			b.held += more
			read = slices.Grow(read, more)
		}
		var n int
		n, b.end = r.Body.Read(read[len(read):min(cap(read), most)])
		read = read[:len(read)+n]
	}
	if b.end == io.EOF {
		// A handler may take its time. Who sends more than is read keeps the
		// deadline, for the server looks at some of that later.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	b.end = cmp.Or(b.end, io.EOF)
	b.Reset(read)
	r.Body = b
	return len(read), nil
}
