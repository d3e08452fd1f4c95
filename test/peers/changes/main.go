// Command changes measures what it costs a program to follow services in a
// registry, and how soon it knows of a change: with this library, with go-kit's
// Instancer, and with a plan of Consul's own client, on muster's registry and on
// a real Consul, and writes the table into docs/benchmarks.md. Run it as "make
// bench-discovery" (Linux, about ten minutes).
//
// Each client is a process of its own, this program again, so that what it uses
// can be told. Where one is to be cut off, or its requests counted, it asks
// through a relay.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/realjf/muster/test/registry"
	"github.com/realjf/muster/test/table"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == asClient {
		if err := serve(os.Args[2], os.Args[3], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, os.Args[2]+":", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "changes:", err)
		os.Exit(1)
	}
}

// marks are the lines of the document that the table stands between.
var marks = table.Marks{Begin: "<!-- make bench-discovery writes from here -->", End: "<!-- bench-discovery to here -->"}

func run(ctx context.Context) (err error) {
	var p plan
	flag.IntVar(&p.rounds, "rounds", 3, "how often each figure is taken, but for those at rest; the table shows medians")
	flag.IntVar(&p.changes, "changes", 40, "how many changes a round has")
	flag.DurationVar(&p.rest, "rest", time.Minute, "how long services are watched at rest")
	consul := flag.String("consul", ".bin/consul", "the real Consul, from make consul")
	source := flag.String("muster", ".", "the folder of muster's source")
	document := flag.String("document", "", "the page that holds the table; empty for none")
	flag.Parse()
	if p.rounds < 1 || p.changes < 1 {
		return fmt.Errorf("-rounds %d -changes %d: at least 1 of each is needed", p.rounds, p.changes)
	}
	if _, err := os.Stat(*consul); err != nil {
		return fmt.Errorf("no real Consul to measure; run make consul: %w", err)
	}
	folder, err := os.MkdirTemp("", "muster-changes-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	muster := filepath.Join(folder, "muster")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", muster, ".")
	build.Dir = *source
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build muster: %w\n%s", err, output)
	}
	for _, kind := range []registry.Kind{registry.Agent(muster), registry.Consul(*consul)} {
		r, err := registry.New(kind)
		if err != nil {
			return err
		}
		if err := r.Start(ctx); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.End()) }()
		p.registries = append(p.registries, r)
	}
	kept, err := registry.New(registry.Durable(muster, filepath.Join(folder, "kept")))
	if err != nil {
		return err
	}
	servers, err := registry.Cluster(*consul, folder, 1)
	if err != nil {
		return err
	}
	p.kept = []*registry.Registry{kept, servers[0]}
	began := time.Now()
	taken, err := p.take(ctx)
	if err != nil {
		return err
	}
	text, err := report(taken, p)
	if err != nil {
		return err
	}
	fmt.Print(text)
	fmt.Fprintf(os.Stderr, "it took %s\n", time.Since(began).Round(time.Second))
	if *document == "" {
		return nil
	}
	return marks.Insert(*document, text)
}
