package consul

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

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
