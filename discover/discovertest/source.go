package discovertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/realjf/muster/discover"
)

// Registry is a source together with the means to change what it knows.
type Registry struct {
	Source discover.Source
	// Put makes the registry know an instance, in place of what it knew
	// under its id, with the status that it has.
	Put func(t *testing.T, i discover.Instance)
	// Remove makes the registry forget an instance.
	Remove func(t *testing.T, i discover.Instance)
}

// patience is how long the suite waits for what should happen at once; a
// source has a second to notice that its context ended.
const patience = 5 * time.Second

// TestSource checks that a source keeps the promises of [discover.Source].
// start returns a registry that knows nothing of the services "web" and
// "webshop", for one test each. The suite runs in real time.
func TestSource(t *testing.T, start func(t *testing.T) Registry) {
	tests := []struct {
		name string
		test func(t *testing.T, r Registry)
	}{
		{"an unknown service has no instances", testUnknown},
		{"an unusable question is refused", testInvalid},
		{"every field arrives", testFields},
		{"the passing and the others are told apart, sorted", testStatus},
		{"a blocked question is answered when an instance comes and goes", testBlocked},
		{"a service does not see another", testApart},
		{"a blocked question ends with its context", testCancel},
		{"an ended context is no question", testEnded},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.test(t, start(t)) })
	}
}

func testUnknown(t *testing.T, r Registry) {
	s := next(t, r.Source, "ghost", 0)
	if s.Known() != 0 {
		t.Errorf("got %d instances of an unknown service, want none", s.Known())
	}
}

func testInvalid(t *testing.T, r Registry) {
	for _, name := range []string{"", "../kv", "a\x00b", "/"} {
		_, err := r.Source.Next(t.Context(), discover.Query{Service: name}, 0)
		if !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("Next of service %q: got error %v, want ErrInvalid", name, err)
		}
	}
}

func testFields(t *testing.T, r Registry) {
	want := instance("1", discover.Passing)
	want.Tags = []string{"z", "a"}
	want.Meta = map[string]string{"version": "2"}
	want.Weights = discover.Weights{Passing: 3, Warning: 1}
	r.Put(t, want)

	s := await(t, r.Source, "web", func(s discover.Snapshot) bool { return len(s.Instances) == 1 })
	got := s.Instances[0]
	if got.ID != want.ID || got.Service != want.Service || got.HostPort() != want.HostPort() ||
		!slices.Equal(got.Tags, want.Tags) || got.Meta["version"] != "2" || got.Weights != want.Weights {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func testStatus(t *testing.T, r Registry) {
	r.Put(t, instance("3", discover.Passing))
	r.Put(t, instance("2", discover.Warning))
	r.Put(t, instance("4", discover.Critical))
	r.Put(t, instance("1", discover.Passing))

	s := await(t, r.Source, "web", func(s discover.Snapshot) bool { return s.Known() == 4 })
	if got, want := ids(s.Instances), []string{"1", "3"}; !slices.Equal(got, want) {
		t.Errorf("passing: got %v, want %v", got, want)
	}
	if got, want := ids(s.Unhealthy), []string{"2", "4"}; !slices.Equal(got, want) {
		t.Errorf("not passing: got %v, want %v", got, want)
	}
}

func testBlocked(t *testing.T, r Registry) {
	for _, step := range []struct {
		name   string
		change func(t *testing.T, i discover.Instance)
		want   int
	}{{"coming", r.Put, 1}, {"going", r.Remove, 0}} {
		before := next(t, r.Source, "web", 0)
		answers := make(chan discover.Snapshot, 1)
		go func() { // ends with its answer or the test's context; nobody need wait
			if s, err := r.Source.Next(t.Context(), discover.Query{Service: "web"}, before.Index); err == nil {
				answers <- s
			}
		}()
		step.change(t, instance("1", discover.Passing))
		select {
		case s := <-answers:
			check(t, s)
			if s.Index == before.Index {
				t.Errorf("%s: the index stayed %d", step.name, s.Index)
			}
		case <-time.After(patience):
			t.Fatalf("%s: the blocked question was not answered", step.name)
		}
		await(t, r.Source, "web", func(s discover.Snapshot) bool { return len(s.Instances) == step.want })
	}
}

func testApart(t *testing.T, r Registry) {
	r.Put(t, instance("1", discover.Passing))
	if s := next(t, r.Source, "webshop", 0); s.Known() != 0 {
		t.Errorf("got %v, want none of another service", ids(s.Instances))
	}
}

func testCancel(t *testing.T, r Registry) {
	r.Put(t, instance("1", discover.Passing))
	s := settled(t, r.Source)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := r.Source.Next(ctx, discover.Query{Service: "web"}, s.Index)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want the context's", err)
	}
	if took := time.Since(start); took > 200*time.Millisecond+time.Second {
		t.Errorf("it took %s to notice that the context ended", took)
	}
}

func testEnded(t *testing.T, r Registry) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Source.Next(ctx, discover.Query{Service: "web"}, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
}

// next asks for an answer at once and checks what must be true of any.
func next(t *testing.T, src discover.Source, service string, after uint64) discover.Snapshot {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := src.Next(ctx, discover.Query{Service: service}, after)
	if err != nil {
		t.Fatalf("Next of %q after %d: %v", service, after, err)
	}
	check(t, s)
	return s
}

// await follows the answers until one is as wanted: a registry may need a
// moment, and may tell of a change in several answers.
func await(t *testing.T, src discover.Source, service string, wanted func(discover.Snapshot) bool) discover.Snapshot {
	t.Helper()
	s := next(t, src, service, 0)
	for !wanted(s) {
		s = next(t, src, service, s.Index)
	}
	return s
}

// settled returns the answer after which nothing more happens for a moment.
func settled(t *testing.T, src discover.Source) discover.Snapshot {
	t.Helper()
	s := next(t, src, "web", 0)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		newer, err := src.Next(ctx, discover.Query{Service: "web"}, s.Index)
		cancel()
		if err != nil {
			return s
		}
		s = newer
	}
}

// check reports what may be true of no answer.
func check(t *testing.T, s discover.Snapshot) {
	t.Helper()
	if s.Index < 1 {
		t.Error("the index is below 1")
	}
	if s.Err != nil {
		t.Errorf("the answer holds the error %v", s.Err)
	}
	if age := time.Since(s.Confirmed); age < 0 || age > time.Minute {
		t.Errorf("the answer was confirmed %s ago", age)
	}
	for _, i := range s.Instances {
		if i.Status != discover.Passing || i.Reason != "" {
			t.Errorf("instance %q is among the passing ones, with status %q and reason %q", i.ID, i.Status, i.Reason)
		}
	}
	for _, i := range s.Unhealthy {
		if i.Status == discover.Passing || i.Reason == "" {
			t.Errorf("instance %q is among the unhealthy ones, with status %q and reason %q", i.ID, i.Status, i.Reason)
		}
	}
	for _, i := range slices.Concat(s.Instances, s.Unhealthy) {
		if i.Tags == nil || i.Meta == nil {
			t.Errorf("instance %q has nil tags or meta", i.ID)
		}
	}
}

// instance returns an instance of web.
func instance(id string, status discover.Status) discover.Instance {
	i := discover.Instance{
		ID: id, Service: "web", Address: "10.0.0.1", Port: 80,
		Tags: []string{}, Meta: map[string]string{},
		Weights: discover.Weights{Passing: 1, Warning: 1}, Status: status,
	}
	if status != discover.Passing {
		i.Reason = "door: stuck"
	}
	return i
}

func ids(instances []discover.Instance) []string {
	var ids []string
	for _, i := range instances {
		ids = append(ids, i.ID)
	}
	return ids
}
