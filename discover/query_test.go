package discover_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/realjf/muster/discover"
)

// TestFixedAnswersWhatIsAsked by service, tags and datacenter.
func TestFixedAnswersWhatIsAsked(t *testing.T) {
	source := discover.Fixed(discover.Instance{Service: "web", Tags: []string{"a", "b"}, Datacenter: "dc1"})
	tests := []struct {
		query discover.Query
		want  bool
	}{
		{discover.Query{Service: "web"}, true},
		{discover.Query{Service: "webshop"}, false},
		{discover.Query{Service: "web", Tags: "b,a"}, true},
		{discover.Query{Service: "web", Tags: " b , "}, true},
		{discover.Query{Service: "web", Tags: "a,c"}, false},
		{discover.Query{Service: "web", Datacenter: "dc1"}, true},
		{discover.Query{Service: "web", Datacenter: "dc2"}, false},
	}
	for _, test := range tests {
		if s, err := source.Next(t.Context(), test.query, 0); err != nil || (s.Known() == 1) != test.want {
			t.Errorf("%+v: got %d instances, error %v; want it there: %v", test.query, s.Known(), err, test.want)
		}
	}
}

func TestQueryValidate(t *testing.T) {
	for _, q := range []discover.Query{
		{},
		{Service: "web", Tags: "a\x00"},
		{Service: "web", Filter: "\xff"},
		{Service: "web", Near: "a\nb"},
		{Service: "web", Consistency: "certain"},
	} {
		if err := q.Validate(); !errors.Is(err, discover.ErrInvalid) {
			t.Errorf("%+v: got error %v, want ErrInvalid", q, err)
		}
	}
	if err := (discover.Query{Service: "web", Consistency: discover.Consistent}).Validate(); err != nil {
		t.Error(err)
	}
	// It is an error of its own that a source has no filters: it must not
	// answer with too many.
	if _, err := discover.Fixed().Next(t.Context(), discover.Query{Service: "web", Filter: "a == b"}, 0); !errors.Is(err, discover.ErrInvalid) {
		t.Errorf("a filter for a fixed source: got error %v, want ErrInvalid", err)
	}
}

// Names go into the paths of URLs: none may lead to another endpoint.
func FuzzQueryValidate(f *testing.F) {
	for _, name := range []string{"web", "a/b", "../x", "a/../..", "?wait=1", "#", "%2e%2e", "\x00", "."} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if (discover.Query{Service: name}).Validate() != nil {
			return
		}
		if name == "" || strings.HasPrefix(name, "../") || strings.Contains("/"+name+"/", "/../") || strings.ContainsRune(name, 0) {
			t.Errorf("%q is taken for a name", name)
		}
	})
}

func TestQueryWords(t *testing.T) {
	for want, q := range map[string]discover.Query{
		`service "web"`: {Service: "web"},
		`service "web" with tags=v2&datacenter=eu&warning=true`: {Service: "web", Tags: "v2", Datacenter: "eu", Warning: true},
	} {
		if got := q.Words(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
