package httpdiscover

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/discover/balance"
)

// exchange is one attempt, from the sending of a request to the end of its
// response. It is the body of that response, so that all of it costs one
// allocation.
type exchange struct {
	request http.Request // what is sent
	url     url.URL

	body        io.ReadCloser // of the response
	pool        *pool
	conn        *connection // that the request went by; nil where that is not known
	call        balance.Call
	failure     error              // the target's, known from the headers
	nothing     bool               // is known of the target from its end
	cancel      context.CancelFunc // ends the attempt's own context; nil if it has none
	service     *service           // to release at the end; nil if somebody else does
	read        bool               // to the end
	multiplexed bool               // by HTTP/2
	closed      atomic.Bool        // by the reader
	ended       atomic.Bool
}

// result is what became of an attempt.
type result struct {
	response *http.Response
	err      error
	outcome  outcome
	failure  error     // the target's; nil if there is none
	open     *exchange // whose end is that of the response; nil if it has ended
}

// try sends a request to target. The attempt ends with ctx, which is the request's
// or made of it for one in a race. It is the number-th of the request, because of
// cause.
func (t *Transport) try(ctx context.Context, s *service, r *http.Request, body *requestBody, target *balance.Target, number int, cause error, in *racer) result {
	x := &exchange{pool: s.pool(target, r.URL.Scheme, r.URL.Hostname())}
	limit, err := x.prepare(ctx, r, body, number, t.cfg.Retry.Timeout)
	if err != nil {
		return result{err: err}
	}
	a := Attempt{Request: r, Context: x.request.Context(), Service: s.query.Service, Target: target, Number: number, Cause: cause}
	if t.cfg.Begin != nil {
		x.begin(t.cfg.Begin, &a)
	}
	began := time.Now()
	x.call = target.StartAt(began)
	era := x.pool.silence.asked(began)
	response, err := x.pool.transport.RoundTrip(&x.request)
	ended := time.Now()
	late := limit.exceeded()
	if late {
		if response != nil {
			_ = response.Body.Close() // nobody waits for it any more
		}
		response, err = nil, tryTimeout(t.cfg.Retry.Timeout)
		if r.Context().Err() != nil {
			err = context.Cause(r.Context())
		}
	}

	got := result{response: response, err: err}
	a.Took = ended.Sub(began)
	if a.Lost = in.hasLost(); a.Lost && err != nil {
		got.outcome = final
		if late || in.unanswered(ctx) {
			got.failure = errUnanswered
		}
	} else {
		got.outcome, got.failure = t.judge(r, body, response, err)
		late = late || err != nil && callerEnded(r) == context.DeadlineExceeded
	}
	switch {
	case response != nil:
		x.pool.silence.answered(ended)
		x.farewell(response)
	case late || got.failure == errUnanswered:
		x.pool.silence.unanswered(ended, era)
	default:
		x.pool.silence.dropped(era)
	}
	if got.outcome == unsent && x.pool.doubt.raised() {
		s.check(x.pool, target)
	}
	x.failure, x.nothing = got.failure, response == nil && got.failure == nil
	if err == nil || a.Lost {
		s.observe(a.Took)
	}
	if t.cfg.Observe != nil {
		a.Err, a.Failed = err, got.failure != nil
		if response != nil {
			a.Status = response.StatusCode
		}
		t.cfg.Observe(a)
	}
	if response == nil {
		if body.failure() == nil && !unfit(err) { // else it is the request's own
			got.err = failedAt(s.query.Service, target, err)
		}
		x.end(nil)
		return got
	}
	response.Request = r
	if response.Body == http.NoBody {
		x.end(nil)
		return got
	}
	x.body, got.open = response.Body, x
	x.multiplexed = response.ProtoMajor == 2
	response.Body = x
	if stream, ok := x.body.(io.ReadWriteCloser); ok && response.StatusCode == http.StatusSwitchingProtocols {
		response.Body = upgraded{x, stream}
	}
	return got
}

// prepare makes of a request the one that is sent.
func (x *exchange) prepare(ctx context.Context, r *http.Request, body *requestBody, number int, timeout time.Duration) (*limit, error) {
	var bound *limit
	if timeout > 0 {
		ctx, x.cancel = context.WithCancel(ctx)
		bound = newLimit(timeout, x.cancel)
	}
	if ctx = x.follow(ctx); ctx == r.Context() {
		x.request = *r
	} else {
		x.request = *r.WithContext(ctx)
	}
	if r.Host == "" {
		x.request.Host = r.URL.Host // what a server would see of a plain client
	}
	x.url = *r.URL
	x.url.Host = x.pool.host
	x.request.URL = &x.url
	switch {
	case body != nil:
		x.request.Body = body
	case number != 1 && hasBody(r):
		again, err := r.GetBody()
		if err != nil {
			x.unprepare(bound)
			return nil, fmt.Errorf("send the body again: %w", err)
		}
		x.request.Body = again
	}
	return bound, nil
}

// begin has a hook see the attempt before it is sent, and change its headers and
// its context.
func (x *exchange) begin(hook func(Attempt, http.Header) context.Context, a *Attempt) {
	header := x.request.Header.Clone()
	if header == nil {
		header = make(http.Header)
	}
	if ctx := hook(*a, header); ctx != a.Context {
		a.Context = ctx
		x.request = *x.request.WithContext(ctx)
	}
	x.request.Header = header
}

func (x *exchange) unprepare(bound *limit) {
	if bound != nil {
		bound.timer.Stop()
		x.cancel()
	}
}

// limit bounds the time until headers come, and not that of the body.
type limit struct{ timer *time.Timer }

func newLimit(timeout time.Duration, cancel context.CancelFunc) *limit {
	return &limit{time.AfterFunc(timeout, cancel)}
}

// exceeded lifts the limit, and reports whether it was too late for that.
func (l *limit) exceeded() bool { return l != nil && !l.timer.Stop() }

// tryTimeout is the error of an attempt that took longer than [Retry.Timeout].
type tryTimeout time.Duration

func (t tryTimeout) Error() string {
	return fmt.Sprintf("no response within %s", time.Duration(t))
}

// Timeout implements [net.Error].
func (t tryTimeout) Timeout() bool { return true }

// Temporary implements [net.Error].
func (t tryTimeout) Temporary() bool { return true }

// Is says that it is a deadline that was exceeded, for [errors.Is].
func (t tryTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

// badStatus is a response that is the target's failure.
type badStatus int

func (s badStatus) Error() string { return fmt.Sprintf("status %d", int(s)) }

// judge says what became of an attempt, and how the target failed it; nil if
// it did not.
func (t *Transport) judge(r *http.Request, body *requestBody, response *http.Response, err error) (outcome, error) {
	switch over := callerEnded(r); {
	case err == nil && !t.cfg.Retry.bad(response.StatusCode):
		return final, nil
	case err == nil:
		return ambiguous, badStatus(response.StatusCode)
	case over == context.DeadlineExceeded:
		return final, err // the target had all the time that there was
	case over != nil, body.failure() != nil, unfit(err):
		return final, nil
	case neverConnected(err):
		return unsent, fmt.Errorf("%w: %w", balance.ErrUnreachable, err)
	}
	return ambiguous, err
}

// callerEnded returns how the caller ended a request: context.Canceled,
// context.DeadlineExceeded, or nil while it did not.
func callerEnded(r *http.Request) error {
	if err := r.Context().Err(); err != nil {
		return err
	}
	select {
	//lint:ignore SA1019 http.Client closes it when its Timeout is over, if only a moment before the context ends
	case <-r.Cancel:
		if deadline, ok := r.Context().Deadline(); ok && !time.Now().Before(deadline) {
			return context.DeadlineExceeded
		}
		return context.Canceled
	default:
		return nil
	}
}

// unfit reports whether net/http found fault with the request itself: with a header,
// or with a body that is not as long as it was said to be. One that is too short for
// HTTP/2 is left to the instance to refuse.
func unfit(err error) bool {
	text := strings.TrimPrefix(err.Error(), "net/http: HTTP/1.x transport connection broken: ")
	return strings.HasPrefix(text, "net/http: invalid ") || strings.HasPrefix(text, "http: ContentLength=") ||
		text == "http2: request body larger than specified content length"
}

// neverConnected reports whether there was no connection to send anything on,
// or one to a stranger.
func neverConnected(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return true
	}
	var stranger *tls.CertificateVerificationError
	return errors.As(err, &stranger)
}

// Read implements io.Reader, of the response's body.
func (x *exchange) Read(p []byte) (int, error) {
	if x.read {
		return 0, io.EOF
	}
	n, err := x.body.Read(p)
	if err == io.EOF {
		x.read = true
		if x.multiplexed {
			_ = x.body.Close() // for until then its connection is not idle
		}
		x.end(nil)
	} else if err != nil {
		x.broken(err)
	}
	return n, err
}

// broken ends an exchange in the middle of its response: by the caller, who may
// close it while it is read, or else by the target.
func (x *exchange) broken(err error) {
	if x.closed.Load() || x.request.Context().Err() != nil {
		err = nil
	}
	x.end(err)
}

// Close implements io.Closer, of the response's body.
func (x *exchange) Close() error {
	x.closed.Store(true)
	err := x.body.Close()
	x.end(nil)
	return err
}

// end says that all of an exchange is over; once, however often it is called.
func (x *exchange) end(err error) {
	if !x.ended.CompareAndSwap(false, true) {
		return
	}
	if x.failure != nil {
		err = x.failure
	}
	if x.nothing {
		x.call.Drop()
	} else {
		x.call.Done(err)
	}
	if x.cancel != nil {
		x.cancel()
	}
	x.pool.release()
	if x.service != nil {
		x.service.release()
	}
}

// smallBody is how much of a response that nobody wants is read, and smallWait for
// how long, so that its connection can be used again: what came with the headers,
// mostly.
const (
	smallBody = 4 << 10
	smallWait = 10 * time.Millisecond
)

// discard ends a response that nobody wants.
func (got result) discard() {
	if got.open == nil {
		return
	}
	if length := got.response.ContentLength; length >= 0 && length <= smallBody {
		late := time.AfterFunc(smallWait, func() { _ = got.open.Close() }) // which ends the reading
		_, _ = io.CopyN(io.Discard, got.open, length+1)                    // up to its end; what fails is closed
		late.Stop()
	}
	_ = got.open.Close()
}

// upgraded is the body of a response that switched to another protocol: a
// stream in both directions.
type upgraded struct {
	*exchange
	stream io.ReadWriteCloser
}

// Write implements io.Writer.
func (u upgraded) Write(p []byte) (int, error) { return u.stream.Write(p) }

// CloseWrite ends what is written, as net/http's own body does.
func (u upgraded) CloseWrite() error {
	if half, ok := u.stream.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return fmt.Errorf("close the writing side: %w", errors.ErrUnsupported)
}
