// Command bench measures muster's registry beside a real Consul and beside the
// least that a server on Go's net/http could do, all three as child processes
// on this machine, in alternating rounds, and writes the table of medians into
// docs/benchmarks.md. Run it as "make bench" (Linux, about twenty minutes).
//
// Absolute figures move from run to run and from machine to machine; the
// ratios are what to compare.
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
	"slices"
	"strconv"
	"strings"

	"github.com/realjf/muster/test/registry"
	"github.com/realjf/muster/test/table"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	only := flag.String("only", "", "a part of the names of the figures to take; the document stays as it is")
	rounds := flag.Int("rounds", 3, "how often each figure is taken; the table shows medians")
	consul := flag.String("consul", ".bin/consul", "the real Consul, from make consul")
	document := flag.String("document", "docs/benchmarks.md", "the page that holds the table")
	flag.Parse()
	if *rounds < 1 {
		return fmt.Errorf("-rounds %d: at least 1 is needed", *rounds)
	}
	if _, err := os.Stat(*consul); err != nil {
		return fmt.Errorf("no real Consul to measure; run make consul: %w", err)
	}
	commit, err := firstLine(ctx, "git", "describe", "--always", "--dirty") // before what is built from it can change
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "muster-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	contenders, err := prepare(ctx, folder, *consul)
	if err != nil {
		return err
	}
	var rows []row
	for _, f := range figures {
		if strings.Contains(f.name, *only) {
			rows = append(rows, row{figure: f, values: map[string][]float64{}})
		}
	}
	for round := range *rounds {
		for _, row := range rows {
			for _, kind := range contenders {
				if !row.who.takes(kind.Name, round) {
					continue
				}
				for range max(row.times, 1) {
					value, err := take(ctx, row.figure, kind)
					if err != nil {
						return fmt.Errorf("%s of %s: %w", row.name, kind.Name, err)
					}
					row.values[kind.Name] = append(row.values[kind.Name], value)
					fmt.Fprintf(os.Stderr, "round %d of %d: %-12s %10s  %s\n", round+1, *rounds, kind.Name, table.Short(value), row.name)
				}
			}
		}
		slices.Reverse(contenders) // nobody is always first
	}
	text, err := report(ctx, rows, *rounds, *consul, commit)
	if err != nil {
		return err
	}
	fmt.Print(text)
	if *only != "" {
		return nil
	}
	return marks.Insert(*document, text)
}

// marks are the lines of the document that the table stands between.
var marks = table.Marks{Begin: "<!-- make bench writes from here -->", End: "<!-- to here -->"}

// The contenders' names.
const (
	musterName  = "muster-agent"
	consulName  = "consul"
	minimalName = "minimal"
)

// prepare builds the programs into folder and returns the contenders.
func prepare(ctx context.Context, folder, consul string) ([]registry.Kind, error) {
	programs := map[string]string{musterName: ".", minimalName: "./test/bench/minimal"}
	for name, source := range programs {
		path := filepath.Join(folder, name)
		if output, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, source).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", name, err, output)
		}
		programs[name] = path
	}
	minimal := registry.Kind{
		Name: minimalName,
		Path: programs[minimalName],
		Args: func(ports registry.Ports) ([]string, error) {
			return []string{"-address", "127.0.0.1:" + strconv.Itoa(ports.HTTP), "-dns", "127.0.0.1:" + strconv.Itoa(ports.DNS), "-answers", folder}, nil
		},
	}
	real := registry.Consul(consul)
	if err := errors.Join(record(ctx, real, folder), recordDNS(ctx, real, folder)); err != nil {
		return nil, err
	}
	return []registry.Kind{registry.Agent(programs[musterName]), real, minimal}, nil
}

// take measures one figure once, on a registry of its own.
func take(ctx context.Context, f figure, kind registry.Kind) (value float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if f.onDisk {
		folder, err := os.MkdirTemp("", "muster-bench-data-")
		if err != nil {
			return 0, err
		}
		defer os.RemoveAll(folder)
		if kind, err = keeping(kind, folder); err != nil {
			return 0, err
		}
	}
	r, err := registry.New(kind)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.End()) }()
	if !f.fromStart {
		if err := r.Start(ctx); err != nil {
			return 0, err
		}
	}
	return f.measure(ctx, r)
}
