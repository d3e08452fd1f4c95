package check

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/realjf/muster/agent/state"
)

// grpcProbe asks the health service that gRPC servers have
// (https://github.com/grpc/grpc/blob/master/doc/health-checking.md): SERVING
// is passing. It is one unary call, which takes a request of HTTP/2 and a
// message of one field, so there is no client of gRPC here: docs/design.md
// says what one would cost.
type grpcProbe struct {
	target    string // as it was given: host:port, perhaps /service
	address   string // without the service
	url       string
	call      []byte // the request's body
	transport http.RoundTripper
}

func newGRPC(r *Runner, d Definition) prober {
	address, service, _ := strings.Cut(d.GRPC, "/")
	at, speaks := url.URL{Scheme: "http", Host: address, Path: "/grpc.health.v1.Health/Check"}, clearRPC
	if d.GRPCUseTLS {
		at.Scheme, speaks = "https", tlsRPC
	}
	return &grpcProbe{d.GRPC, address, at.String(), healthRequest(service), r.transports.of(speaks, d)}
}

func (p *grpcProbe) probe(ctx context.Context) Result {
	status, err := p.ask(ctx)
	switch {
	case err != nil:
		return Result{state.Critical, err.Error()}
	case status != serving:
		return Result{state.Critical, fmt.Sprintf("gRPC %s serving status: %s", p.target, status)}
	default:
		return Result{state.Passing, fmt.Sprintf("gRPC check %s: success", p.target)}
	}
}

// maxMessage is how large an answer may be; those of the health service have
// two bytes.
const maxMessage = 4096

// ask makes the call. Its errors are those of gRPC.
func (p *grpcProbe) ask(ctx context.Context) (servingStatus, error) {
	if _, _, err := net.SplitHostPort(p.address); err != nil { // a URL would take the port of HTTP
		return 0, connectionError(ctx, &net.OpError{Op: "dial", Net: "tcp", Err: err})
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, io.NopCloser(bytes.NewReader(p.call)))
	if err != nil {
		return 0, &callError{unavailable, err.Error()}
	}
	request.Header.Set("Content-Type", "application/grpc")
	request.Header.Set("Te", "trailers")
	request.Header.Set("User-Agent", "Consul Health Check")
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		return 0, connectionError(ctx, err)
	}
	defer response.Body.Close()
	if err := notRPC(response); err != nil {
		return 0, err
	}
	message, err := io.ReadAll(io.LimitReader(response.Body, maxMessage+1))
	if ctx.Err() != nil {
		return 0, connectionError(ctx, ctx.Err())
	}
	trailer := response.Trailer
	if trailer.Get("Grpc-Status") == "" {
		trailer = response.Header // one that says no more than how it ended
	}
	switch {
	case len(message) > maxMessage:
		return 0, &callError{resourceExhausted, "the answer is too long for one of the health service"}
	case trailer.Get("Grpc-Status") != "":
		if err := ended(trailer); err != nil {
			return 0, err
		}
	case err != nil:
		return 0, &callError{unavailable, err.Error()}
	default:
		return 0, &callError{internal, "server closed the stream without sending trailers"}
	}
	return healthResponse(message)
}

// servingStatus is what the health service says of a service.
type servingStatus uint64

const serving servingStatus = 1

func (s servingStatus) String() string {
	names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if s < servingStatus(len(names)) {
		return names[s]
	}
	return strconv.FormatUint(uint64(s), 10)
}

// prefix is what stands before a message: whether it is compressed, and its
// length.
const prefix = 5

// healthRequest returns a HealthCheckRequest, whose first field is the
// service, as gRPC sends it.
func healthRequest(service string) []byte {
	var message []byte
	if service != "" {
		message = protowire.AppendTag(nil, 1, protowire.BytesType)
		message = protowire.AppendString(message, service)
	}
	framed := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(framed, message...)
}

// healthResponse returns what a HealthCheckResponse says, whose first field is
// the status.
func healthResponse(framed []byte) (status servingStatus, err error) {
	if len(framed) < prefix || uint64(len(framed)-prefix) != uint64(binary.BigEndian.Uint32(framed[1:])) {
		return 0, &callError{internal, "the answer is not one message"}
	}
	if framed[0] != 0 {
		return 0, &callError{internal, "the answer is compressed, which nobody asked for"}
	}
	for message := framed[prefix:]; len(message) > 0; {
		number, kind, used := protowire.ConsumeTag(message)
		if used < 0 {
			return 0, malformed(used)
		}
		if !number.IsValid() {
			return 0, &callError{internal, "grpc: failed to unmarshal the received message: invalid field number"}
		}
		message = message[used:]
		if number == 1 && kind == protowire.VarintType {
			value, used := protowire.ConsumeVarint(message)
			if used < 0 {
				return 0, malformed(used)
			}
			status, message = servingStatus(value), message[used:]
			continue
		}
		if used = protowire.ConsumeFieldValue(number, kind, message); used < 0 {
			return 0, malformed(used)
		}
		message = message[used:]
	}
	return status, nil
}

func malformed(code int) error {
	return &callError{internal, "grpc: failed to unmarshal the received message: " + protowire.ParseError(code).Error()}
}

// code is how a call of gRPC ended
// (https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
type code int

const (
	ok                code = 0
	unknown           code = 2
	deadlineExceeded  code = 4
	permissionDenied  code = 7
	resourceExhausted code = 8
	unimplemented     code = 12
	internal          code = 13
	unavailable       code = 14
	unauthenticated   code = 16
)

func (c code) String() string {
	names := []string{"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
		"ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"}
	if c >= 0 && int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("Code(%d)", int(c))
}

// callError is a call that failed, in the words of gRPC for Go, which are
// Consul's.
type callError struct {
	code        code
	description string
}

func (e *callError) Error() string {
	return fmt.Sprintf("rpc error: code = %s desc = %s", e.code, e.description)
}

// ended returns what the end of a call says went wrong, or nil.
func ended(trailer http.Header) error {
	number, err := strconv.Atoi(trailer.Get("Grpc-Status"))
	if err != nil {
		return &callError{internal, "malformed grpc-status: " + strconv.Quote(trailer.Get("Grpc-Status"))}
	}
	if code(number) == ok {
		return nil
	}
	text := trailer.Get("Grpc-Message")
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return &callError{code(number), text}
}

// notRPC returns why an answer is none of gRPC, or nil.
func notRPC(r *http.Response) error {
	codes := map[int]code{
		http.StatusBadRequest: internal, http.StatusUnauthorized: unauthenticated, http.StatusForbidden: permissionDenied,
		http.StatusNotFound: unimplemented, http.StatusTooManyRequests: unavailable, http.StatusBadGateway: unavailable,
		http.StatusServiceUnavailable: unavailable, http.StatusGatewayTimeout: unavailable,
	}
	var reasons []string
	kind := unknown
	if r.StatusCode != http.StatusOK {
		if known, in := codes[r.StatusCode]; in {
			kind = known
		}
		reasons = append(reasons, fmt.Sprintf("unexpected HTTP status code received from server: %d (%s)", r.StatusCode, http.StatusText(r.StatusCode)))
	}
	given := r.Header.Get("Content-Type")
	switch base, _, err := mime.ParseMediaType(given); {
	case given == "":
		reasons = append(reasons, "malformed header: missing HTTP content-type")
	case err != nil || base != "application/grpc" && !strings.HasPrefix(base, "application/grpc+"):
		reasons = append(reasons, fmt.Sprintf("transport: received unexpected content-type %q", given))
	}
	if reasons == nil {
		return nil
	}
	return &callError{kind, strings.Join(reasons, "; ")}
}

// connectionError returns what a call that got no answer failed with.
func connectionError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &callError{deadlineExceeded, "context deadline exceeded"}
	}
	var dialing *net.OpError
	reason := "error reading server preface: " + err.Error()
	switch {
	case noHTTP2(err):
		reason = "error reading server preface: it hung up, or does not speak HTTP/2"
	case errors.As(err, &dialing) && dialing.Op == "dial":
		reason = "transport: Error while dialing: " + err.Error()
	case strings.Contains(err.Error(), "tls: "):
		reason = "transport: authentication handshake failed: " + err.Error()
	}
	return &callError{unavailable, fmt.Sprintf("connection error: desc = %q", reason)}
}

// noHTTP2 reports whether an error is one of those that net/http has for a
// server that hangs up or says something else. Which of them it is depends on
// whether the request or the answer came first.
func noHTTP2(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		strings.Contains(err.Error(), "http2: frame too large") || strings.Contains(err.Error(), "http2: client conn")
}
