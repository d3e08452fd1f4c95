package announce

import (
	"context"
	"net"
)

// Graceful makes a [Server] of s, such as a *grpc.Server. It stops gracefully,
// or by force when the time is over.
func Graceful(s interface {
	Serve(net.Listener) error
	GracefulStop()
	Stop()
}) Server {
	return graceful{s, s.GracefulStop, s.Stop}
}

type graceful struct {
	server      interface{ Serve(net.Listener) error }
	drain, stop func()
}

func (g graceful) Serve(l net.Listener) error { return g.server.Serve(l) }

func (g graceful) Shutdown(ctx context.Context) error {
	drained := make(chan struct{})
	go func() { // ends when the requests have, or by stop; awaited
		defer close(drained)
		g.drain()
	}()
	select {
	case <-drained:
		return nil
	case <-ctx.Done():
		g.stop()
		<-drained
		return context.Cause(ctx)
	}
}
