package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"strconv"
)

// connection is one keep-alive HTTP/1.1 connection that does as little as it
// can, so that what is measured is the server: requests are bytes made
// beforehand, answers are counted and thrown away. It asks for no compression
// and is used by one goroutine at a time.
type connection struct {
	net    net.Conn
	reader *bufio.Reader
	number uint64 // among those that were opened together
}

// answer is what is kept of an HTTP answer.
type answer struct {
	status int
	index  uint64 // X-Consul-Index, 0 when there is none
	length int    // of the body, where the head says it
}

// connect opens a connection, which ends with ctx: whatever it is doing then
// fails.
func connect(ctx context.Context, address string) (*connection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = conn.Close() })
	return &connection{net: conn, reader: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// get returns the bytes of a GET request.
func get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: registry\r\n\r\n", path)
}

// put returns the bytes of a PUT request.
func put(path string, body []byte) []byte {
	head := fmt.Appendf(nil, "PUT %s HTTP/1.1\r\nHost: registry\r\nContent-Length: %d\r\n\r\n", path, len(body))
	return append(head, body...)
}

// do sends a request and reads the whole answer. Any status but 200 is an
// error.
func (c *connection) do(request []byte) (answer, error) {
	if _, err := c.net.Write(request); err != nil {
		return answer{}, err
	}
	a, err := c.read()
	if err == nil && a.status != 200 {
		line, _, _ := bytes.Cut(request, []byte(" HTTP"))
		err = fmt.Errorf("%s: status %d", line, a.status)
	}
	return a, err
}

func (c *connection) read() (answer, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return answer{}, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return answer{}, fmt.Errorf("status line %q", line)
	}
	var a answer
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return answer{}, fmt.Errorf("status line %q: %w", line, err)
	}
	chunked := false
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return answer{}, err
		}
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			a.length, err = strconv.Atoi(string(value))
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		case bytes.EqualFold(name, []byte("x-consul-index")):
			a.index, err = strconv.ParseUint(string(value), 10, 64)
		}
		if err != nil {
			return answer{}, fmt.Errorf("header %q: %w", line, err)
		}
	}
	if chunked {
		return a, c.skipChunks()
	}
	_, err = c.reader.Discard(a.length)
	return a, err
}

// skipChunks reads past a chunked body. Nobody here sends trailers.
func (c *connection) skipChunks() error {
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return fmt.Errorf("chunk size %q: %w", line, err)
		}
		if _, err := c.reader.Discard(int(size) + len("\r\n")); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}
