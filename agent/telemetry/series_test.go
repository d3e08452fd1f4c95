package telemetry

import (
	"context"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/state"
)

// TestIntervals asks what was seen, second by second: in the first interval
// what there is so far, later what was in the last one that is over.
func TestIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		telemetry := New(state.New(), state.Node{Node: "n1"}, Config{})
		series := telemetry.Series("things", nil)
		telemetry.Series("never", nil)
		steps := []struct {
			name  string
			sleep time.Duration
			seen  []float64 // after the sleep
			want  Sample    // of the report after that; without a name when there is none
		}{
			{"nothing yet", time.Second, nil, Sample{}},
			{"so far", time.Second, []float64{10, 20, 30}, Sample{Name: "things", Count: 3, Rate: 6, Sum: 60, Min: 10, Max: 30, Mean: 20, Stddev: 10}},
			{"the interval is over", 8 * time.Second, []float64{-5}, Sample{Name: "things", Count: 3, Rate: 6, Sum: 60, Min: 10, Max: 30, Mean: 20, Stddev: 10}},
			{"the next one too", 10 * time.Second, nil, Sample{Name: "things", Count: 1, Rate: -.5, Sum: -5, Min: -5, Max: -5, Mean: -5}},
			{"and one without anything", 10 * time.Second, nil, Sample{}},
			{"after a long time", time.Hour, []float64{1}, Sample{}},
			{"again", 10 * time.Second, nil, Sample{Name: "things", Count: 1, Rate: .1, Sum: 1, Min: 1, Max: 1, Mean: 1}},
		}
		for _, step := range steps {
			time.Sleep(step.sleep)
			for _, value := range step.seen {
				series.observe(time.Now(), value)
			}
			var got Sample
			if samples := telemetry.Report().Samples; len(samples) > 0 {
				got = samples[0]
			}
			if !reflect.DeepEqual(got, step.want) {
				t.Errorf("%s: got %+v, want %+v", step.name, got, step.want)
			}
		}
		if count, sum := series.total(); count != 5 || sum != 56 {
			t.Errorf("since the start: got %d and %v, want 5 and 56", count, sum)
		}
	})
}

func TestStreamTellsEachIntervalOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		telemetry := New(state.New(), state.Node{Node: "n1"}, Config{})
		counter := telemetry.Counter("things", nil)
		ctx, stop := context.WithCancel(t.Context())
		reports := make(chan Report)
		ended := make(chan error)
		go func() { // ends with stop, awaited below
			ended <- telemetry.Stream(ctx, func(r Report) error { reports <- r; return nil })
		}()
		for n := range 3 {
			time.Sleep(length / 2)
			counter.Add(n + 1)
			report := <-reports
			if len(report.Counters) != 1 || report.Counters[0].Sum != float64(n+1) || len(report.Samples) != 0 {
				t.Errorf("interval %d: got %+v", n, report.Counters)
			}
			if want := time.Date(2000, 1, 1, 0, 0, 10*n, 0, time.UTC).Format("2006-01-02 15:04:05 -0700 MST"); report.Timestamp != want {
				t.Errorf("interval %d: got time %q, want %q", n, report.Timestamp, want)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
