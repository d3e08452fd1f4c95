package consul

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
)

// shared asks over connections that are anybody's, as net/http has them.
type shared struct{ client *http.Client }

// do implements [exchanger].
func (s shared) do(ctx context.Context, make requester) (*http.Response, bool, error) {
	var severed severed
	request, err := make(severed.watch(ctx))
	if err != nil {
		return nil, false, err
	}
	response, err := s.client.Do(request)
	return response, severed.is.Load(), err
}

// close implements [exchanger].
func (shared) close() error { return nil }

// severed notices that a connection broke on which an answer was waited for:
// net/http then asks again on another one, without a word, and a registry that
// was started anew meanwhile answers as if it had been there all along.
type severed struct {
	waiting atomic.Bool // a request is on its way, and nothing of its answer came
	is      atomic.Bool
}

// watch returns a context for requests that are to be looked at.
func (s *severed) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			if s.waiting.Swap(true) {
				s.is.Store(true)
			}
		},
		GotFirstResponseByte: func() { s.waiting.Store(false) },
	})
}
