// Package table is what the benchmarks share to make a table of what they
// measured and to put it into a page between two lines of their own.
//
// It refuses to know what was measured.
package table

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
)

// None stands for a value that was not taken.
const None = "–"

// Median returns the middle value, or the mean of the two in the middle; NaN
// where there is none.
func Median(values []float64) float64 {
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

// Quantile returns the smallest value that a share of the values does not
// exceed; NaN where there is none.
func Quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// Short writes a number without the digits that mean nothing.
func Short(value float64) string {
	switch {
	case math.IsNaN(value):
		return None
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

// Machine says what the figures were taken on.
func Machine() (string, error) {
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

// Marks are the lines of a page that a table stands between.
type Marks struct{ Begin, End string }

// Insert puts text between the marks of a page; what stood there goes.
func (m Marks) Insert(page, text string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	begin, end := []byte(m.Begin+"\n"), []byte(m.End+"\n")
	before, rest, found := bytes.Cut(old, begin)
	_, after, ended := bytes.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("%s lacks the line %q or %q", page, m.Begin, m.End)
	}
	return os.WriteFile(page, slices.Concat(before, begin, []byte(text), end, after), 0o644)
}
