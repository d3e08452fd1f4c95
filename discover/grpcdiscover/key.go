package grpcdiscover

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/realjf/muster/discover/balance"
)

type keyKey struct{}

// WithKey returns a context whose calls all go to the same instance as those of
// others with the same key, such as a user's name, under a policy that looks
// at it: [balance.ConsistentHash]. "" is no key.
func WithKey(ctx context.Context, key string) context.Context {
	if key == "" {
		return context.WithValue(ctx, keyKey{}, uint64(0))
	}
	return context.WithValue(ctx, keyKey{}, balance.Key(key))
}

// keyOf returns the key of a call, 0 if it has none.
func keyOf(ctx context.Context, header string) uint64 {
	if key, ok := ctx.Value(keyKey{}).(uint64); ok {
		return key
	}
	if header == "" {
		return 0
	}
	md, _ := metadata.FromOutgoingContext(ctx)
	// Several values are one with commas, as gRPC's ring_hash has it (A76).
	if text := strings.Join(md.Get(header), ","); text != "" {
		return balance.Key(text)
	}
	return 0
}
