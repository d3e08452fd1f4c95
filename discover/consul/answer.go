package consul

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
)

// input is what is read of one answer. It has a buffer, which it gives back.
type input struct {
	buffer *bufio.Reader
	conn   io.Reader
	first  byte // was read of conn before
	begun  bool // first was taken
	room   int  // for what else may be read of a head
}

var inputs = sync.Pool{New: func() any { return &input{buffer: bufio.NewReaderSize(nil, 4<<10)} }}

func newInput(first byte, conn io.Reader) *input {
	in := inputs.Get().(*input)
	in.conn, in.first, in.begun, in.room = conn, first, false, longestHead
	in.buffer.Reset((*source)(in))
	return in
}

// free gives the buffer back. What it was made of is used no more.
func (in *input) free() {
	in.conn = nil
	in.buffer.Reset(nil)
	inputs.Put(in)
}

// source is what the buffer of an input reads from.
type source input

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if !s.begun && len(p) > 0 {
		s.begun, p[0] = true, s.first
		return 1, nil
	}
	if s.room <= 0 {
		return 0, errLongHead
	}
	n, err := s.conn.Read(p[:min(len(p), s.room)])
	s.room -= n
	return n, err
}

const (
	// longestHead is how long the head of an answer may be. One of Consul's has
	// less than a kibibyte.
	longestHead = 64 << 10

	// mostInterim is how many answers may come before the one that counts, as
	// with net/http. RFC 9110, 15.2.
	mostInterim = 5
)

var errLongHead = fmt.Errorf("the head of the answer is longer than %d KiB", longestHead>>10)

// head reads an answer up to its body, which may be of any length.
func (in *input) head() (*http.Response, error) {
	for range mostInterim + 1 {
		response, err := http.ReadResponse(in.buffer, nil)
		switch {
		case err == io.ErrUnexpectedEOF:
			return nil, errors.New("the registry closed the connection within its answer")
		case err != nil:
			return nil, fmt.Errorf("read the answer: %.300s", err) // it may hold what came
		case response.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the registry answers with another protocol than HTTP")
		case response.StatusCode/100 != 1:
			in.room = math.MaxInt
			return response, nil
		}
	}
	return nil, errors.New("the registry announces an answer again and again, and gives none")
}

// body is that of an answer that came over a line.
type body struct {
	text  io.Reader
	in    *input // nil once it is closed
	line  *line
	hold  func() bool // keeps the connection from being closed, if it is not yet
	last  bool        // the connection ends with it
	whole bool        // it was read to its end
}

// Read implements io.Reader.
func (a *body) Read(p []byte) (int, error) {
	if a.in == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := a.text.Read(p)
	a.whole = a.whole || err == io.EOF
	return n, err
}

// Close gives up the connection unless it can be used for another question: all
// of the answer was read, and nothing else came with it.
func (a *body) Close() error {
	if a.in == nil {
		return nil
	}
	more := a.in.buffer.Buffered() > 0
	a.in.free()
	a.in = nil
	if a.hold() && a.whole && !a.last && !more {
		return nil
	}
	return a.line.close()
}

// unzipped is an answer that came compressed.
type unzipped struct {
	*body
	zip *gzip.Reader // nil before the first Read
}

// Read implements io.Reader.
func (u *unzipped) Read(p []byte) (int, error) {
	if u.zip == nil {
		zip, err := gzip.NewReader(u.body)
		if err != nil {
			return 0, err
		}
		u.zip = zip
	}
	return u.zip.Read(p)
}
