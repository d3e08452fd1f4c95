package main

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"github.com/realjf/muster/test/table"
)

// report returns the table, in Markdown.
func report(t taken, p plan) (string, error) {
	machine, err := table.Machine()
	if err != nil {
		return "", err
	}
	middle, worst := table.Median, func(v []float64) float64 { return table.Quantile(v, 0.99) }
	var b strings.Builder
	b.WriteString("| figure |")
	for _, r := range p.registries {
		for _, w := range watchers {
			fmt.Fprintf(&b, " %s on %s |", w.name, short(r.Name))
		}
	}
	fmt.Fprintf(&b, " goal |\n| --- |%s --- |\n", strings.Repeat(" ---: |", len(p.registries)*len(watchers)))
	for _, row := range []struct {
		name   string
		values values
		one    func([]float64) float64
		goal   string
	}{
		{"change to the new set, ms", t.delay, middle, "0.4 on muster's, never behind"},
		{"the same, 99 of 100 within, ms", t.delay, worst, "never behind"},
		{"processor time of a change, ms", t.processor, middle, "1"},
		{"goroutines of a watched service", t.goroutines, middle, "3"},
		{"memory of a watched service, KiB", t.memory, middle, "15"},
		{"1,000 services: processor at rest, ms/s", t.ms, middle, ""},
		{"1,000 services: memory, MiB", t.mib, middle, ""},
		{"1,000 services: connections", t.conns, middle, ""},
		{"1,000 services: requests a minute at rest", t.perMinute, middle, ""},
		{"back after 10 s, to what changed meanwhile, ms", t.back, middle, "200"},
		{"the same, the longest, ms", t.back, func(v []float64) float64 { return table.Quantile(v, 1) }, ""},
		{"1,000 come back at once: requests in a second, at most", t.most, middle, "2,000"},
		{"the same, in a tenth of a second", t.mostTenth, middle, ""},
		{"the same, until the last is current, ms", t.last, middle, ""},
	} {
		fmt.Fprintf(&b, "| %s |", row.name)
		for _, r := range p.registries {
			for _, w := range watchers {
				fmt.Fprintf(&b, " %s |", figure(row.one(row.values[place{r.Name, w.name}])))
			}
		}
		fmt.Fprintf(&b, " %s |\n", row.goal)
	}
	fmt.Fprintf(&b, `
Taken by `+"`make bench-discovery`"+` on %s, with %s on %s: medians of %d alternating rounds, but one of what is at rest. Each client is a process of its own.

- *change to the new set*: a service of %d instances one of which changes its port, every %s, %d times a round; from when the registry has answered the
  change until the program has the new list. Below 0 it had it before.
- *processor time of a change*: of the client's process, over the same changes.
- *a watched service*: of one instance; the difference that %d of them make, heap and stacks after a collection, with what a program needs to read the
  latest list: a Watcher; an Instancer with an Endpointer; a plan that keeps what it is told.
- *1,000 services*: of one instance each, over %s; memory is the whole process's. All clients at once, each through a relay that counts.
- *back after %s*: the relay to the registry refuses and cuts connections, an instance changes after half of it; from when the relay lets in until it is shown. All clients at once.
- *1,000 come back*: %d processes that follow %d services each; the registry is killed, nobody is let in for %s, it is started again (both keep their data on disk), and all services
  change their ports. Once, one client after the other; from when all are let in, and until 2s after the last of them showed its service's new port.
  Each asks twice, for what there is and then for what comes.
`, time.Now().UTC().Format(time.DateOnly), runtime.Version(), machine, p.rounds, busySize, changeEvery, p.changes, few, p.rest, away, programs, each, away)
	return b.String(), nil
}

// short names a registry in the head of the table.
func short(registry string) string {
	if registry == "consul" {
		return "Consul"
	}
	return "muster's"
}

// figure writes a number that may be below 0.
func figure(value float64) string {
	if value < 0 {
		return "−" + table.Short(math.Abs(value))
	}
	return table.Short(value)
}
