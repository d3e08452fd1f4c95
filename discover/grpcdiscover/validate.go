package grpcdiscover

import (
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/realjf/muster/discover"
)

// Validate returns an error that wraps [discover.ErrInvalid] where no call could
// be made by a connection to target with cfg: for a target that means nothing, or a
// service config that gRPC does not take. A program asks before it makes the
// connection, for grpc.NewClient looks at neither, and its calls fail then. It
// asks no registry. Balancers other than this package's must be registered before.
func Validate(target string, cfg Config) error {
	u, err := url.Parse(target)
	if err != nil {
		return fmt.Errorf("%w target: %w", discover.ErrInvalid, err)
	}
	if !strings.EqualFold(u.Scheme, Scheme) {
		return fmt.Errorf("%w target %q: want %s:///SERVICE, for else another resolver is asked", discover.ErrInvalid, target, Scheme)
	}
	t, err := parseTarget(*u)
	if err != nil {
		return err
	}
	text, err := cfg.serviceConfig(t)
	if err != nil {
		return fmt.Errorf("%w target %q: %w", discover.ErrInvalid, target, err)
	}
	if text == "" {
		return nil
	}
	Register()
	// NewClient is who reads service configs. It connects to nobody.
	conn, err := grpc.NewClient("passthrough:///", grpc.WithDefaultServiceConfig(text), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("%w service config %s: %w", discover.ErrInvalid, text, err)
	}
	return conn.Close()
}
