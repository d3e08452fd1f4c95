package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is a figure with what was measured, by contender.
type row struct {
	figure
	values map[string][]float64
}

// report returns the table and what is needed to take it again, in Markdown.
func report(ctx context.Context, table []row, rounds int, consul, commit string) (string, error) {
	consulVersion, err := firstLine(ctx, consul, "version")
	if err != nil {
		return "", err
	}
	machine, err := machine()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| figure | muster | Consul | minimal | muster to Consul | muster to minimal | goal |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |\n")
	for _, row := range table {
		muster, consul, minimal := median(row.values[musterName]), median(row.values[consulName]), median(row.values[minimalName])
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", row.name,
			short(muster), short(consul), short(minimal), row.compare(muster, consul), row.compare(muster, minimal), row.goal)
	}
	fmt.Fprintf(&b, "\nTaken by `make bench` on %s: medians of %d alternating rounds, each figure on a registry started for it.\n", time.Now().UTC().Format(time.DateOnly), rounds)
	fmt.Fprintf(&b, "muster is `muster agent -dev` at %s, Consul is `consul agent -dev` (%s), minimal is `test/bench/minimal`; %s.\n", commit, consulVersion, runtime.Version())
	fmt.Fprintf(&b, "The machine: %s; the load runs on it too.\n\n", machine)
	b.WriteString(notes(table))
	return b.String(), nil
}

// notes says how each figure was taken, once for those that follow each other
// and were taken alike.
func notes(table []row) string {
	var b strings.Builder
	for n := 0; n < len(table); {
		alike := n + 1
		for alike < len(table) && table[alike].exact == table[n].exact {
			alike++
		}
		name := table[n].name
		if alike > n+1 {
			name += "* to *" + table[alike-1].name
		}
		fmt.Fprintf(&b, "- *%s*: %s.\n", name, table[n].exact)
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
		return none
	}
	return short(ratio) + " ×"
}

// none stands for a value that was not taken.
const none = "–"

// median returns the middle value, or the mean of the two in the middle; NaN
// where there is none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// short writes a number without the digits that mean nothing.
func short(value float64) string {
	switch {
	case math.IsNaN(value):
		return none
	case value >= 1000:
		digits := fmt.Sprintf("%.0f", value)
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = digits[:i] + "," + digits[i:]
		}
		return digits
	case value >= 100:
		return fmt.Sprintf("%.0f", value)
	case value >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}

func firstLine(ctx context.Context, program string, args ...string) (string, error) {
	output, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	line, _, _ := strings.Cut(string(output), "\n")
	return line, nil
}

// machine says what the figures were taken on.
func machine() (string, error) {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	model := "unknown processor"
	for line := range strings.Lines(string(text)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", err
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	return fmt.Sprintf("%d cores of %s, Linux %s", runtime.NumCPU(), model, version), nil
}

// The table stands between these lines of the document.
const (
	begin = "<!-- make bench writes from here -->\n"
	end   = "<!-- to here -->\n"
)

// insert puts text between the document's markers.
func insert(document, text string) error {
	page, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(page, []byte(begin))
	_, after, ended := bytes.Cut(rest, []byte(end))
	if !found || !ended {
		return fmt.Errorf("%s lacks the line %q or %q", document, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	page = slices.Concat(before, []byte(begin), []byte(text), []byte(end), after)
	return os.WriteFile(document, page, 0o644)
}
