// Command muster announces services, finds the healthy ones, and is a registry
// for them where no Consul is.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/realjf/muster/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end. Letting go of signals then makes
	// the second one end the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(command.Run(ctx, os.Args, os.Stdout, os.Stderr))
}
