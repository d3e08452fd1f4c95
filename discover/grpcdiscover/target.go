package grpcdiscover

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

// target is what the target of a connection means.
type target struct {
	query  discover.Query
	policy string // a name of balance.Named, or ""
	zone   string // the caller's, or ""
}

// parameters are the words that a target may hold behind its question mark, and
// how each is understood. Those of lists may stand several times.
var parameters = map[string]func(t *target, values []string) error{
	"consistency": func(t *target, values []string) error {
		return once(values, func(v string) error { t.query.Consistency = discover.Consistency(v); return nil })
	},
	"dc": func(t *target, values []string) error {
		return once(values, func(v string) error { t.query.Datacenter = v; return nil })
	},
	"failover": func(t *target, values []string) error {
		t.query.Failover = strings.Join(values, ",")
		return nil
	},
	"filter": func(t *target, values []string) error {
		return once(values, func(v string) error { t.query.Filter = v; return nil })
	},
	"near": func(t *target, values []string) error {
		return once(values, func(v string) error { t.query.Near = v; return nil })
	},
	"policy": func(t *target, values []string) error {
		return once(values, func(v string) error {
			t.policy = v
			_, err := balance.Named(v)
			return err
		})
	},
	"tag": func(t *target, values []string) error {
		t.query.Tags = strings.Join(values, ",")
		return nil
	},
	"warning": func(t *target, values []string) error {
		return once(values, func(v string) (err error) {
			if t.query.Warning, err = strconv.ParseBool(v); err != nil {
				return fmt.Errorf("it is %q: want true or false", v)
			}
			return nil
		})
	},
	"zone": func(t *target, values []string) error {
		return once(values, func(v string) error { t.zone = v; return nil })
	},
}

// once takes the value of a parameter that may stand once.
func once(values []string, take func(string) error) error {
	if len(values) > 1 {
		return fmt.Errorf("it stands %d times: want it once", len(values))
	}
	return take(values[0])
}

// parseTarget returns what a target means. The error wraps
// [discover.ErrInvalid].
func parseTarget(u url.URL) (target, error) {
	t, err := readTarget(u)
	if err == nil {
		err = t.query.Validate()
	}
	if err != nil {
		return target{}, fmt.Errorf("target %q: %w", u.String(), err)
	}
	return t, nil
}

func readTarget(u url.URL) (target, error) {
	t := target{query: discover.Query{Service: serviceOf(u)}}
	switch {
	case hasPort(t.query.Service):
		return t, fmt.Errorf("%w service %q: leave the port out, the registry says which one", discover.ErrInvalid, t.query.Service)
	case u.Host != "" || u.User != nil:
		return t, fmt.Errorf("%w host: the registry is the cache's; want %s:///SERVICE, with three slashes", discover.ErrInvalid, Scheme)
	case u.Fragment != "":
		return t, fmt.Errorf("%w fragment: write %%23 for # in a parameter", discover.ErrInvalid)
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return t, fmt.Errorf("%w parameters: %w", discover.ErrInvalid, err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		read, ok := parameters[name]
		if !ok {
			return t, fmt.Errorf("%w parameter %q: there are %s", discover.ErrInvalid, name, strings.Join(slices.Sorted(maps.Keys(parameters)), ", "))
		}
		if err := read(&t, values[name]); err != nil {
			return t, fmt.Errorf("%w parameter %q: %w", discover.ErrInvalid, name, err)
		}
	}
	return t, nil
}

// serviceOf returns the name of the service, also of a target without slashes.
func serviceOf(u url.URL) string {
	if u.Opaque != "" {
		return u.Opaque
	}
	return strings.TrimPrefix(u.Path, "/")
}

// hasPort reports whether a service is written as who dials an address would. A
// colon alone may be part of a name.
func hasPort(service string) bool {
	_, port, err := net.SplitHostPort(service)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
