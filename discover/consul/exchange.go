package consul

import (
	"context"
	"net"
	"net/http"
	"net/url"
)

// exchanger takes the questions of one conversation to a registry, one after the
// other.
type exchanger interface {
	// do asks what make returns, which it may call more than once. The answer's
	// body is to be closed before the next question, and read to its end where
	// the connection is to be kept. Severed is told with an answer or without: a
	// connection broke on which it was waited for.
	do(ctx context.Context, make requester) (response *http.Response, severed bool, err error)
	// close gives up what is kept for the next question.
	close() error
}

// requester makes a request without a body that ends with a context.
type requester func(context.Context) (*http.Request, error)

// lineTo returns what connects a line to a registry as client would, or nil where
// that has settings which a line does not know: then net/http asks.
//
// With TLS it always does, for many watches share one connection of HTTP/2 then,
// which is less than a line for each.
func lineTo(client *http.Client, base url.URL) func(context.Context) (net.Conn, error) {
	transport, is := client.Transport.(*http.Transport)
	if !is || base.Scheme != "http" || transport.Protocols != nil || transport.DisableKeepAlives || transport.DisableCompression ||
		transport.MaxConnsPerHost > 0 || transport.MaxResponseHeaderBytes > 0 || transport.ResponseHeaderTimeout > 0 {
		return nil
	}
	//lint:ignore SA1019 who still sets it is obeyed
	if transport.Dial != nil {
		return nil
	}
	return dialerTo(client, base)
}
