package consul

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
)

// line is a connection of one conversation's own: who asks writes to it and reads
// from it. net/http has two goroutines for each of its connections, and buffers;
// while an answer is waited for a line has a socket, and nothing else.
//
// What is written and read is made by net/http: RFC 9112 is not gone into here.
type line struct {
	dial   func(context.Context) (net.Conn, error)
	zipped bool      // whether to ask for compressed answers
	other  exchanger // for what leads elsewhere

	conn  net.Conn // nil while there is none
	first [1]byte  // of an answer
}

// errSevered: the connection broke before anything of an answer came.
var errSevered = errors.New("the registry closed the connection without an answer")

// do implements [exchanger]. A connection that was good for a question before,
// and breaks before anything came of the answer to the next one, says nothing
// of that: it is asked again on another connection, as net/http does. On one over
// which something came before the question nothing is asked, and nothing was
// waited for.
func (l *line) do(ctx context.Context, make requester) (response *http.Response, severed bool, err error) {
	if l.conn != nil && !isQuiet(l.conn) {
		_ = l.close()
	}
	for used := l.conn != nil; ; used = false {
		if !used {
			if l.conn, err = l.dial(ctx); err != nil {
				return nil, severed, err
			}
		}
		response, err = l.ask(ctx, make)
		if !used || !errors.Is(err, errSevered) || ctx.Err() != nil {
			break
		}
		severed = true
	}
	if err == nil && leadsElsewhere(response) {
		_ = response.Body.Close() // whatever is in it
		before := severed
		response, severed, err = l.other.do(ctx, make)
		severed = severed || before
	}
	return response, severed, err
}

// leadsElsewhere reports whether it is to be asked at another address.
func leadsElsewhere(response *http.Response) bool {
	return response.StatusCode/100 == 3 && response.Header.Get("Location") != ""
}

// close implements [exchanger].
func (l *line) close() error {
	conn := l.conn
	if l.conn = nil; conn == nil {
		return nil
	}
	return conn.Close()
}

// ask asks on the connection that there is; after an error there is none.
func (l *line) ask(ctx context.Context, make requester) (*http.Response, error) {
	conn := l.conn
	hold := context.AfterFunc(ctx, func() { _ = conn.Close() }) // whoever reads or writes gets an error
	err := l.send(ctx, make)
	if err == nil {
		err = l.await()
	}
	var response *http.Response
	if err == nil {
		response, err = l.receive(hold)
	}
	if err != nil {
		hold()
		_ = l.close() // it is of no more use
		return nil, fmt.Errorf("registry at %s: %w", conn.RemoteAddr(), err)
	}
	return response, nil
}

// send writes the question, in one piece. A registry that wants no question may
// have said so before it came: what is written then is lost, and what it said is
// not. Whether it did is seen when it is read.
func (l *line) send(ctx context.Context, make requester) error {
	request, err := make(ctx)
	if err != nil {
		return err
	}
	if l.zipped && request.Header.Get("Accept-Encoding") == "" {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	text := newText()
	defer freeText(text)
	if err := request.Write(text); err != nil {
		return err
	}
	_, _ = l.conn.Write(text.Bytes())
	return nil
}

// await waits until an answer begins, and takes nothing for it: this is where a
// watch spends its life.
func (l *line) await() error {
	for {
		if n, err := l.conn.Read(l.first[:]); n == 1 {
			return nil
		} else if err != nil {
			return fmt.Errorf("%w: %w", errSevered, err)
		}
	}
}

// receive reads the head of the answer that begins. Its body keeps the connection
// for the next question, if it can be used for that, and calls hold, which keeps
// it from being closed when the question's context ends.
func (l *line) receive(hold func() bool) (*http.Response, error) {
	in := newInput(l.first[0], l.conn)
	response, err := in.head()
	if err != nil {
		in.free()
		return nil, err
	}
	body := &body{text: response.Body, in: in, line: l, hold: hold, last: response.Close}
	response.Body = body
	if l.zipped && strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		response.Body = &unzipped{body: body}
		response.ContentLength = -1
	}
	return response, nil
}
