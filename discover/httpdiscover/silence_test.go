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
		"never asked":                      {at: time.Hour},
		"one waits":                        {events: []event{{0, "asked"}}, at: time.Hour},
		"two wait":                         {events: []event{{0, "asked"}, {1, "asked"}}, at: 1 + patience},
		"two wait for long":                {events: []event{{0, "asked"}, {1, "asked"}}, at: 2 + patience, want: true},
		"one of them not for long":         {events: []event{{0, "asked"}, {time.Hour, "asked"}}, at: time.Hour + patience},
		"three, one of them not for long":  {events: []event{{0, "asked"}, {1, "asked"}, {patience, "asked"}}, at: 2 + patience, want: true},
		"one was answered":                 {events: []event{{0, "asked"}, {1, "asked"}, {2, "asked"}, {3, "answered"}}, at: time.Hour},
		"and one was asked since":          {events: []event{{0, "asked"}, {1, "asked"}, {2, "answered"}, {3, "asked"}}, at: time.Hour},
		"and two were":                     {events: []event{{0, "asked"}, {1, "answered"}, {3, "asked"}, {4, "asked"}}, at: 5 + patience, want: true},
		"the callers went":                 {events: []event{{0, "asked"}, {0, "asked"}, {1, "dropped"}, {1, "dropped"}, {2, "asked"}}, at: time.Hour},
		"one of two callers went":          {events: []event{{0, "asked"}, {1, "asked"}, {2, "dropped"}}, at: time.Hour},
		"given up":                         {events: []event{{0, "asked"}, {1000, "unanswered"}}, at: 1999, want: true},
		"as long again":                    {events: []event{{0, "asked"}, {1000, "unanswered"}}, at: 2000, want: true, due: true},
		"one finds out":                    {events: []event{{0, "asked"}, {1000, "unanswered"}, {2000, "look"}, {2000, "asked"}}, at: 3999, want: true},
		"and is not heard of":              {events: []event{{0, "asked"}, {1000, "unanswered"}, {2000, "look"}, {2000, "asked"}}, at: 4000, want: true, due: true},
		"and is given up":                  {events: []event{{0, "asked"}, {1000, "unanswered"}, {2000, "look"}, {2000, "asked"}, {3000, "unanswered"}}, at: 5999, want: true},
		"and is answered":                  {events: []event{{0, "asked"}, {1000, "unanswered"}, {2000, "look"}, {2000, "asked"}, {2001, "answered"}}, at: 2001},
		"one finds out of those that wait": {events: []event{{0, "asked"}, {0, "asked"}, {1000 + patience, "look"}}, at: 2*(1000+patience) - 1, want: true},
		"and it is time":                   {events: []event{{0, "asked"}, {0, "asked"}, {1000 + patience, "look"}}, at: 2 * (1000 + patience), want: true, due: true},
		"given up after others' answers":   {events: []event{{0, "asked"}, {1, "asked"}, {2, "answered"}, {time.Hour, "slow"}}, at: time.Hour},
		"not for too long":                 {events: []event{{0, "asked"}, {time.Hour, "unanswered"}}, at: time.Hour + longestSilence, want: true, due: true},
	} {
		t.Run(name, func(t *testing.T) {
			var s silence
			zero := time.Unix(0, 0)
			first, era := uint64(0), uint64(0)
			for _, e := range test.events {
				now := zero.Add(e.at)
				switch e.what {
				case "asked":
					era = s.asked(now)
				case "look":
					s.look(now, patience, true)
				case "slow":
					s.unanswered(now, first)
				case "answered":
					s.answered(now)
				case "unanswered":
					s.unanswered(now, era)
				case "dropped":
					s.dropped(era)
				}
			}
			if got, due := s.look(zero.Add(test.at), patience, true); got != test.want || due != test.due {
				t.Errorf("got %t, due %t; want %t and %t", got, due, test.want, test.due)
			}
		})
	}
}
