package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/config"
)

func agentCommand() *cli.Command {
	flags, read := config.AgentFlags()
	return &cli.Command{
		Name:  "agent",
		Usage: "run a registry that speaks Consul's HTTP API",
		Flags: flags,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			cfg, err := read()
			if err != nil {
				return err
			}
			cfg.Registry.Logger = newLogger(cfg.Log, cmd.Root().ErrWriter)
			return runAgent(ctx, cfg.Registry, cmd.Root().Writer)
		},
	}
}

// garbagePercent is how much a registry of its own lets its heap grow before
// it collects, unless GOGC says otherwise. Its state is many small objects
// that live long, and every write makes some more: twice Go's default takes a
// third off the time of a registration, and a few MiB.
const garbagePercent = 200

// runAgent runs a registry until ctx ends.
func runAgent(ctx context.Context, cfg agent.Config, stdout io.Writer) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	a, err := agent.New(cfg)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: a registry may be running there already; choose another port with -http-port", err)
	}
	if err != nil {
		return err
	}
	addr := a.HTTPAddr().String()
	fmt.Fprintf(stdout, "the registry is ready, in memory\n  API   http://%s/v1/\n  page  http://%s/ui/\n", addr, addr)
	if bound, err := netip.ParseAddrPort(addr); err == nil && !bound.Addr().IsLoopback() {
		fmt.Fprintf(stdout, "  open to every machine that reaches %s: anyone there can read and change it\n", addr)
	}
	return a.Run(ctx)
}
