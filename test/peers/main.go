// Command peers measures how long it takes to choose one of 100 instances, with
// the policies of discover/balance, with those of go-kit, gRPC, go-zero and Kratos,
// and at the least that is possible, in alternating rounds, and writes the table of medians
// into docs/benchmarks.md. Run it as "make bench-peers" (Unix, a minute).
//
// What is given is processor time, not time by the clock: it means something
// on a machine that others use too.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/realjf/muster/test/table"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run() error {
	rounds := flag.Int("rounds", 9, "how often each figure is taken; the table shows medians")
	picks := flag.Int("picks", 2_000_000, "how many times to choose, of the fast ones")
	document := flag.String("document", "", "the page that holds the table; empty for none")
	flag.Parse()
	contenders, end, err := contenders()
	if err != nil {
		return err
	}
	defer end()
	taken := make([]figure, len(contenders))
	for range *rounds {
		for i, c := range contenders {
			n := *picks
			if c.slow {
				n /= 20
			}
			taken[i].serial = append(taken[i].serial, measure(c.pick, n, 1))
			if !c.solo {
				taken[i].parallel = append(taken[i].parallel, measure(c.pick, n, runtime.NumCPU()))
			}
		}
	}
	text := report(contenders, taken, *rounds)
	fmt.Print(text)
	if *document == "" {
		return nil
	}
	return marks.Insert(*document, text)
}

// What the others are compared with, among the contenders.
const (
	chanceRow = 1
	leastRow  = 2
)

// contender is one row of the table.
type contender struct {
	kind kind
	name string
	goal string
	slow bool             // takes a hundred nanoseconds and more
	solo bool             // breaks when two choose at once
	pick func(key uint64) // chooses once
}

// figure is what was measured of a contender: nanoseconds a pick, by round.
type figure struct{ serial, parallel []float64 }

// measure returns the processor time of one pick when as many goroutines choose
// at once, divided by their number: what it would take by the clock if nobody
// else used the machine.
func measure(pick func(uint64), picks, goroutines int) float64 {
	before := processorTime()
	var all sync.WaitGroup
	for g := range goroutines {
		all.Go(func() {
			key := uint64(g) << 32
			for range picks {
				key++
				pick(key)
			}
		})
	}
	all.Wait()
	return float64(processorTime()-before) / float64(picks*goroutines) / float64(goroutines)
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // it knows no other error than a wrong question
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func report(contenders []contender, taken []figure, rounds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| choosing one of 100 | one goroutine, ns | to the least | %d at once, ns | to chance | goal |\n| --- | ---: | ---: | ---: | ---: | --- |\n", runtime.NumCPU())
	counter, chance := table.Median(taken[leastRow].serial), table.Median(taken[chanceRow].parallel)
	for i, c := range contenders {
		serial, atOnce := table.Median(taken[i].serial), "– | –"
		if !c.solo {
			parallel := table.Median(taken[i].parallel)
			atOnce = fmt.Sprintf("%.1f | %.2f ×", parallel, parallel/chance)
		}
		fmt.Fprintf(&b, "| %s | %.1f | %.2f × | %s | %s |\n", c.name, serial, serial/counter, atOnce, c.goal)
	}
	fmt.Fprintf(&b, "\nTaken by `make bench-peers` on %s: medians of %d alternating rounds, processor time, divided by the goroutines that choose at once; %s.\n",
		time.Now().UTC().Format(time.DateOnly), rounds, runtime.Version())
	return b.String()
}

// marks are the lines of the document that the table stands between.
var marks = table.Marks{Begin: "<!-- make bench-peers writes from here -->", End: "<!-- bench-peers to here -->"}
