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
	ctx, leave := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the process
		<-signals
		leave()
		<-signals // a second time: now
		os.Exit(1)
	}()
	os.Exit(command.Run(ctx, os.Args, os.Stdout, os.Stderr))
}
