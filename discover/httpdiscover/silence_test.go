package httpdiscover

import (
	"testing"
	"time"
)

// What is silent is told by when it was asked, answered, and given up.
func TestSilence(t *testing.T) {
	const patience = 100 * time.Millisecond
	type event struct {
		at   time.Duration
		what string
	}
	for name, test := range map[string]struct {
		events []event
		at     time.Duration
		want   bool
		due    bool
	}{
		"never asked":                    {at: time.Hour},
		"asked a moment ago":             {events: []event{{0, "asked"}}, at: patience},
		"asked long ago":                 {events: []event{{0, "asked"}}, at: patience + 1, want: true},
		"answered":                       {events: []event{{0, "asked"}, {10, "answered"}}, at: time.Hour},
		"another was answered":           {events: []event{{0, "asked"}, {1, "asked"}, {patience, "answered"}}, at: 2 * patience},
		"another was, and that long ago": {events: []event{{0, "asked"}, {1, "asked"}, {patience, "answered"}}, at: 2*patience + 1, want: true},
		"asked after a pause":            {events: []event{{0, "asked"}, {1, "answered"}, {time.Hour, "asked"}}, at: time.Hour + patience},
		"given up":                       {events: []event{{0, "asked"}, {1000, "unanswered"}}, at: 1999, want: true},
		"as long again":                  {events: []event{{0, "asked"}, {1000, "unanswered"}}, at: 2000, due: true},
		"one finds out":                  {events: []event{{0, "asked"}, {patience, "unanswered"}, {3 * patience, "asked"}}, at: 3 * patience, want: true},
		"and is given up": {events: []event{{0, "asked"}, {patience, "unanswered"}, {3 * patience, "asked"}, {4 * patience, "unanswered"}},
			at: 8*patience - 1, want: true},
		"and is answered":         {events: []event{{0, "asked"}, {patience, "unanswered"}, {3 * patience, "asked"}, {4 * patience, "answered"}}, at: 4 * patience},
		"not for too long":        {events: []event{{0, "asked"}, {time.Hour, "unanswered"}}, at: time.Hour + longestSilence, due: true},
		"the caller went":         {events: []event{{0, "asked"}, {time.Hour, "dropped"}, {time.Hour, "asked"}}, at: time.Hour + patience},
		"one of two callers went": {events: []event{{0, "asked"}, {1, "asked"}, {2, "dropped"}}, at: patience + 1, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			var s silence
			zero := time.Unix(0, 0)
			for _, e := range test.events {
				now := zero.Add(e.at)
				switch e.what {
				case "asked":
					s.asked(now)
				case "answered":
					s.answered(now)
				case "unanswered":
					s.unanswered(now)
				case "dropped":
					s.dropped()
				}
			}
			if got, due := s.suspicious(zero.Add(test.at), patience), s.due(zero.Add(test.at)); got != test.want || due != test.due {
				t.Errorf("got %t, due %t; want %t and %t", got, due, test.want, test.due)
			}
		})
	}
}
