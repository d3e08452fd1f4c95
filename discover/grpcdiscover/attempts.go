package grpcdiscover

import (
	"context"

	"google.golang.org/grpc"

	"github.com/realjf/muster/discover/balance"
)

// attemptsKey is where a call keeps its attempts. gRPC does not say of an attempt
// which were before it, so that its own balancers may send all to the same
// instance. An interceptor may send several at once.
type attemptsKey struct{}

// remember returns a context whose attempts are known to the balancer.
func remember(ctx context.Context) context.Context {
	return context.WithValue(ctx, attemptsKey{}, &balance.Attempts{})
}

func rememberUnary(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(remember(ctx), method, request, reply, cc, opts...)
}

func rememberStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return stream(remember(ctx), desc, cc, method, opts...)
}
