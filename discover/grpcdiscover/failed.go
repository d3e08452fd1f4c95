package grpcdiscover

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Failed reports whether the error of a call is the failure of the instance
// that it was sent to: UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL
// and DATA_LOSS are. The others say something of the request, or that its caller
// went away; and UNKNOWN is what servers in Go say of any error that nobody gave a
// code.
func Failed(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Internal, codes.DataLoss:
		return true
	}
	return false
}
