package httpdiscover

import (
	"io"
	"net/http"
	"sync"
)

// hasBody reports whether a request has anything to send after its headers.
func hasBody(r *http.Request) bool { return r.Body != nil && r.Body != http.NoBody }

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close() // the caller's, of which nothing is wanted
	}
}

// requestBody is a body that cannot be had anew. net/http closes it when no
// connection comes about; here it stays open then, for the next attempt, as
// long as nothing was read of it.
type requestBody struct {
	body io.ReadCloser

	mu       sync.Mutex
	read     bool  // some of it may be gone
	closed   bool  // by net/http
	finished bool  // there will be no other attempt
	failed   error // why it could not be read to its end
}

// newRequestBody returns nil for a request whose body can be had anew, or that
// has none. The methods of a nil *requestBody do nothing.
func newRequestBody(r *http.Request) *requestBody {
	if !hasBody(r) || r.GetBody != nil {
		return nil
	}
	return &requestBody{body: r.Body}
}

// Read implements io.Reader.
func (b *requestBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	n, err := b.body.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		b.failed = err
		b.mu.Unlock()
	}
	return n, err
}

// Close implements io.Closer.
func (b *requestBody) Close() error {
	b.mu.Lock()
	b.closed = true
	now := b.read || b.finished
	b.mu.Unlock()
	if now {
		return b.body.Close()
	}
	return nil
}

// finish says that there will be no other attempt: what was closed is closed.
func (b *requestBody) finish() {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.finished = true
	now := b.closed && !b.read
	b.mu.Unlock()
	if now {
		_ = b.body.Close() // as net/http does
	}
}

// failure returns why the body could not be read to its end; nil if it could,
// or may still be.
func (b *requestBody) failure() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.failed
}
