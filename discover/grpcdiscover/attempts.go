package grpcdiscover

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/realjf/muster/discover/balance"
)

// attempts are the instances that a call was sent to. gRPC does not say of an
// attempt which were before it, so that its own balancers may send all to the
// same one.
type attempts struct {
	mu    sync.Mutex // an interceptor may send several attempts at once
	tried []*balance.Target
	room  [2]*balance.Target // for the most
}

type attemptsKey struct{}

// remember returns a context whose attempts are known to the balancer.
func remember(ctx context.Context) context.Context {
	a := &attempts{}
	a.tried = a.room[:0]
	return context.WithValue(ctx, attemptsKey{}, a)
}

// choose has picker choose an instance that the call was not sent to, and returns
// which attempt it is for, from 1 on.
func (a *attempts) choose(picker balance.Picker, r balance.Request) (*balance.Target, int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.Tried = a.tried
	t := picker.Pick(r)
	a.tried = append(a.tried, t)
	return t, len(a.tried)
}

func rememberUnary(ctx context.Context, method string, request, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	return invoke(remember(ctx), method, request, reply, cc, opts...)
}

func rememberStream(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return stream(remember(ctx), desc, cc, method, opts...)
}
