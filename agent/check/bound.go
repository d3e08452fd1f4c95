package check

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// bound is what a check of the machine holds a gauge against: while the
// reading is within it, the machine is well. Its text is
//
//	GAUGE[:PATH] <|> LIMIT [warn LIMIT]
//
// like memory<90%, disk:/var<85% warn 75%, disk-free:/>5GiB or load<2.
type bound struct {
	gauge   *gauge
	path    string // where the gauge takes one
	limit   limit  // beyond it is critical
	warning limit  // beyond it is a warning; of no unit when there is none
}

// limit is a number of a unit.
type limit struct {
	unit   *unit
	number float64
}

// unit is what limits are given in. Limits of the same measure can be compared.
type unit struct {
	suffix  string
	measure measure
	scale   float64 // how many of what a gauge tells are one
}

// measure is what a limit is a limit of.
type measure string

const (
	share  measure = "a percentage, like 90%"
	size   measure = "a size, like 20GiB"
	number measure = "a number, like 2"
	span   measure = "a time, like 100ms"
)

// units are all that there are.
var units = []unit{
	{"%", share, 1},
	{"KiB", size, 1 << 10}, {"MiB", size, 1 << 20}, {"GiB", size, 1 << 30}, {"TiB", size, 1 << 40},
	{"kB", size, 1e3}, {"MB", size, 1e6}, {"GB", size, 1e9}, {"TB", size, 1e12},
	{"ms", span, float64(time.Millisecond)}, {"us", span, float64(time.Microsecond)}, {"s", span, float64(time.Second)},
	{"B", size, 1},
	{"", number, 1},
}

// value is the limit as a gauge would tell it.
func (l limit) value() float64 { return l.number * l.unit.scale }

func (l limit) String() string {
	return strconv.FormatFloat(l.number, 'f', -1, 64) + l.unit.suffix
}

// forPeople is the limit as an output shows it.
func (l limit) forPeople() string {
	return strings.TrimSpace(strconv.FormatFloat(l.number, 'f', -1, 64) + " " + l.unit.suffix)
}

// String returns the bound in the form in which it is parsed.
func (b bound) String() string {
	text := b.subject() + b.gauge.sign() + b.limit.String()
	if b.warning.unit != nil {
		text += " warn " + b.warning.String()
	}
	return text
}

// subject is what the bound is about: the gauge and perhaps its path.
func (b bound) subject() string {
	if b.path == "" {
		return b.gauge.name
	}
	return b.gauge.name + ":" + b.path
}

// forPeople is the subject as an output shows it.
func (b bound) forPeople() string {
	return strings.TrimSpace(strings.TrimSuffix(b.gauge.name, "-free") + " " + b.path)
}

// parseBound reads a bound. The error says what was wrong and what to write.
func parseBound(text string) (bound, error) {
	at := strings.LastIndexAny(text, "<>") // a path may hold them too
	if at < 0 {
		return bound{}, errors.New("it has no limit: write one like memory<90%, or disk:/var<85% warn 75%")
	}
	subject, sign, rest := strings.TrimSpace(text[:at]), text[at:at+1], strings.TrimSpace(text[at+1:])
	if strings.HasPrefix(rest, "=") {
		return bound{}, fmt.Errorf("there is no %s=: write %s", sign, sign)
	}
	name, path, hasPath := strings.Cut(subject, ":")
	g := gaugeNamed(strings.TrimSpace(name))
	switch {
	case g == nil:
		return bound{}, fmt.Errorf("there is no gauge %q: there are %s", strings.TrimSpace(name), gaugeNames())
	case g.ofPath && !filepath.IsAbs(path):
		return bound{}, fmt.Errorf("%s wants a path that begins at the root: write %s:/var", g.name, g.name)
	case !g.ofPath && hasPath:
		return bound{}, fmt.Errorf("%s takes no path: there is one of it on a machine", g.name)
	case sign != g.sign():
		return bound{}, fmt.Errorf("%s %s: write %s%s", g.name, g.goodWhen(), g.name, g.sign())
	}
	b := bound{gauge: g, path: path}
	limits := strings.Split(rest, "warn")
	if len(limits) > 2 {
		return bound{}, errors.New("there is one limit to warn at")
	}
	var err error
	if b.limit, err = g.parseLimit(limits[0]); err != nil || len(limits) == 1 {
		return b, err
	}
	if b.warning, err = g.parseLimit(limits[1]); err != nil {
		return b, err
	}
	switch {
	case b.warning.unit.measure != b.limit.unit.measure:
		return b, fmt.Errorf("%s and %s cannot be compared: give both limits in the same measure", b.limit, b.warning)
	case !g.within(b.warning.value(), b.limit.value()):
		return b, fmt.Errorf("it would never warn: it is critical at %s, before %s", b.limit, b.warning)
	}
	return b, nil
}

// parseLimit reads a limit of the gauge.
func (g *gauge) parseLimit(text string) (limit, error) {
	text = strings.TrimSpace(text)
	digits := len(text) - len(strings.TrimLeft(text, "0123456789."))
	value, err := strconv.ParseFloat(text[:digits], 64)
	suffix := strings.TrimSpace(text[digits:])
	for n := range units {
		u := &units[n]
		if !strings.EqualFold(u.suffix, suffix) || !g.takes(u.measure) {
			continue
		}
		switch {
		case err != nil:
			return limit{}, fmt.Errorf("%q is no number", text)
		case value <= 0:
			return limit{}, fmt.Errorf("%q: a limit is above 0", text)
		case u.measure == share && value > 100:
			return limit{}, fmt.Errorf("%q: there is no more than 100%%", text)
		}
		return limit{u, value}, nil
	}
	return limit{}, fmt.Errorf("%q: %s is held against %s", text, g.name, g.measureNames())
}
