package balance

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/realjf/muster/discover"
)

// What cannot be meant is said where it is written.
func TestProgrammersMistakes(t *testing.T) {
	for want, make := range map[string]func(){
		"needs a feed and a policy": func() {
			w := discover.Watch(discover.Fixed(), discover.Query{Service: "web"}, discover.WatchConfig{})
			defer w.Close()
			New(w, nil)
		},
		"and a policy, and one of": func() { New(nil, Random()) },
		"Bound of 0.5":             func() { ConsistentHash(HashConfig{Bound: 0.5}) },
		"Bound of -1":              func() { ConsistentHash(HashConfig{Bound: -1}) },
		"Bound of NaN":             func() { ConsistentHash(HashConfig{Bound: math.NaN()}) },
		"caller 9 of 3":            func() { Subset(SubsetConfig{Caller: 9, Callers: 3}, Random()) },
		"caller -9 of 3":           func() { Subset(SubsetConfig{Caller: -9, Callers: 3}, Random()) },
		"caller 1 of 1":            func() { Subset(SubsetConfig{Caller: 1}, Random()) },
		"caller 0 of -3":           func() { Subset(SubsetConfig{Callers: -3}, Random()) },
		"size of -1":               func() { Subset(SubsetConfig{Size: -1}, Random()) },
		"Subset needs a policy":    func() { Subset(SubsetConfig{}, nil) },
		"SlowStart needs a policy": func() { SlowStart(1, nil) },
		"Zone needs a policy":      func() { Zone("eu-1", nil) },
		"Outlier needs a policy":   func() { Outlier(OutlierConfig{}, nil) },
	} {
		func() {
			defer func() {
				if said := fmt.Sprint(recover()); !strings.Contains(said, want) {
					t.Errorf("got a panic with %q, want one that says %q", said, want)
				}
			}()
			make()
		}()
	}
}
