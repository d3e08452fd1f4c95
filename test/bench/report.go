package main

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/realjf/muster/test/table"
)

// row is a figure with what was measured, by contender.
type row struct {
	figure
	values map[string][]float64
}

// report returns the table and what is needed to take it again, in Markdown.
func report(ctx context.Context, rows []row, rounds int, consul, commit string) (string, error) {
	consulVersion, err := firstLine(ctx, consul, "version")
	if err != nil {
		return "", err
	}
	machine, err := table.Machine()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| figure | muster | Consul | minimal | muster to Consul | muster to minimal | goal |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, row := range rows {
		muster, consul, minimal := table.Median(row.values[musterName]), table.Median(row.values[consulName]), table.Median(row.values[minimalName])
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.name,
			table.Short(muster), table.Short(consul), table.Short(minimal), row.compare(muster, consul), row.compare(muster, minimal), row.goal)
	}
	fmt.Fprintf(&b, "\nTaken by `make bench` on %s: medians of %d alternating rounds, each figure on a registry started for it.\n", time.Now().UTC().Format(time.DateOnly), rounds)
	fmt.Fprintf(&b, "muster is `muster agent -dev` at %s, Consul is `consul agent -dev` (%s), minimal is `test/bench/minimal`; %s.\n", commit, consulVersion, runtime.Version())
	fmt.Fprintf(&b, "The machine: %s; the load runs on it too.\n\n", machine)
	b.WriteString(notes(rows))
	return b.String(), nil
}

// notes says how each figure was taken, once for those that follow each other
// and were taken alike.
func notes(rows []row) string {
	var b strings.Builder
	for n := 0; n < len(rows); {
		alike := n + 1
		for alike < len(rows) && rows[alike].exact == rows[n].exact {
			alike++
		}
		name := rows[n].name
		if alike > n+1 {
			name += "* to *" + rows[alike-1].name
		}
		fmt.Fprintf(&b, "- *%s*: %s.\n", name, rows[n].exact)
		n = alike
	}
	return b.String()
}

// compare says how muster's value stands to another: above 1 is better,
// whatever the figure.
func (f figure) compare(muster, other float64) string {
	ratio := other / muster
	if f.more {
		ratio = muster / other
	}
	if math.IsNaN(ratio) || math.IsInf(ratio, 0) { // one was not taken, or is nothing at all
		return table.None
	}
	return table.Short(ratio) + " ×"
}

func firstLine(ctx context.Context, program string, args ...string) (string, error) {
	output, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return line, nil
}
