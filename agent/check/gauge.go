package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/realjf/muster/internal/host"
)

// gauge is something of the machine that can be read. A new one is a line in
// gauges.
type gauge struct {
	name     string
	ofPath   bool // of the file system that a path is on
	free     bool // it tells what is left: good is above the limit
	measures []measure
	read     func(ctx context.Context, path string) (reading, error)
}

// reading is what a gauge shows.
type reading struct {
	value float64
	total float64 // what a percentage is of; 0 for nothing
	text  string  // for people
}

var (
	ofBytes = []measure{share, size}
	ofItems = []measure{share, number}
	ofLoad  = []measure{number}
	ofTime  = []measure{span}
)

var gauges = []gauge{
	{"memory", false, false, ofBytes, used(anywhere(host.Memory), sizes)},
	{"memory-free", false, true, ofBytes, left(anywhere(host.Memory), sizes)},
	{"swap", false, false, ofBytes, used(anywhere(host.Swap), sizes)},
	{"disk", true, false, ofBytes, used(host.Disk, sizes)},
	{"disk-free", true, true, ofBytes, left(host.Disk, sizes)},
	{"inodes", true, false, ofItems, used(host.Inodes, items)},
	{"load", false, false, ofLoad, loadOf(func(l host.Load) float64 { return l.One })},
	{"load5", false, false, ofLoad, loadOf(func(l host.Load) float64 { return l.Five })},
	{"load15", false, false, ofLoad, loadOf(func(l host.Load) float64 { return l.Fifteen })},
	{"files", false, false, ofItems, used(anywhere(host.OpenFiles), items)},
	{"agent-files", false, false, ofItems, used(anywhere(host.OwnFiles), items)},
	{"clock", false, false, ofTime, clockError},
}

func gaugeNamed(name string) *gauge {
	for n := range gauges {
		if gauges[n].name == name {
			return &gauges[n]
		}
	}
	return nil
}

func gaugeNames() string {
	var names []string
	for _, g := range gauges {
		names = append(names, g.name)
	}
	return strings.Join(names, ", ")
}

// sign stands between the gauge and its limit.
func (g *gauge) sign() string {
	if g.free {
		return ">"
	}
	return "<"
}

func (g *gauge) goodWhen() string {
	if g.free {
		return "is good above its limit"
	}
	return "is good below its limit"
}

// within reports whether a reading is on the good side of a limit.
func (g *gauge) within(value, limit float64) bool {
	if g.free {
		return value > limit
	}
	return value < limit
}

func (g *gauge) takes(m measure) bool { return slices.Contains(g.measures, m) }

func (g *gauge) measureNames() string {
	var names []string
	for _, m := range g.measures {
		names = append(names, string(m))
	}
	return strings.Join(names, ", or ")
}

// anywhere makes a reading that takes no path one that does.
func anywhere(read func(context.Context) (host.Use, error)) func(context.Context, string) (host.Use, error) {
	return func(ctx context.Context, _ string) (host.Use, error) { return read(ctx) }
}

// used tells how much is in use; show tells amounts to people.
func used(read func(context.Context, string) (host.Use, error), show func(part, total uint64) string) func(context.Context, string) (reading, error) {
	return amount(read, "used", func(u host.Use) uint64 { return u.Used }, show)
}

// left tells how much is not.
func left(read func(context.Context, string) (host.Use, error), show func(part, total uint64) string) func(context.Context, string) (reading, error) {
	return amount(read, "free", func(u host.Use) uint64 { return u.Total - min(u.Used, u.Total) }, show)
}

func amount(read func(context.Context, string) (host.Use, error), what string, of func(host.Use) uint64,
	show func(part, total uint64) string) func(context.Context, string) (reading, error) {
	return func(ctx context.Context, path string) (reading, error) {
		use, err := read(ctx, path)
		if err != nil {
			return reading{}, err
		}
		if use.Total == 0 {
			return reading{}, fmt.Errorf("%w: there is none", host.ErrUnknown)
		}
		r := reading{value: float64(of(use)), total: float64(use.Total)}
		r.text = fmt.Sprintf("%.1f %% %s (%s)", 100*r.value/r.total, what, show(of(use), use.Total))
		return r, nil
	}
}

func loadOf(average func(host.Load) float64) func(context.Context, string) (reading, error) {
	return func(ctx context.Context, _ string) (reading, error) {
		l, err := host.LookLoad(ctx)
		if err != nil {
			return reading{}, err
		}
		perCore := average(l) / float64(l.Cores)
		return reading{value: perCore, text: fmt.Sprintf("%.2f per core (%.2f on %d)", perCore, average(l), l.Cores)}, nil
	}
}

func clockError(ctx context.Context, _ string) (reading, error) {
	most, err := host.ClockError(ctx)
	if err != nil {
		return reading{}, err
	}
	return reading{value: float64(most), text: fmt.Sprintf("wrong by %s at most", most.Round(100*time.Microsecond))}, nil
}

// sizes shows bytes in the unit that suits the total.
func sizes(part, total uint64) string {
	unit, name := uint64(1), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if total < 10*unit<<7 { // 1.25 of the next
			break
		}
		unit, name = unit<<10, next
	}
	if unit == 1 {
		return fmt.Sprintf("%d of %d B", part, total)
	}
	return fmt.Sprintf("%.1f of %.1f %s", float64(part)/float64(unit), float64(total)/float64(unit), name)
}

// items shows numbers.
func items(part, total uint64) string { return fmt.Sprintf("%d of %d", part, total) }
