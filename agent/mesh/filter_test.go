package mesh

import (
	"errors"
	"strings"
	"testing"
)

// within puts parentheses around an expression.
func within(depth int, expression string) string {
	return strings.Repeat("(", depth) + expression + strings.Repeat(")", depth)
}

// TestFiltersAreReadInBoundedTime would take days without the bounds.
func TestFiltersAreReadInBoundedTime(t *testing.T) {
	for name, c := range map[string]struct {
		expression string
		want       error
	}{
		"plain":                 {"Node == a", nil},
		"some parentheses":      {within(6, "Node == a"), nil},
		"a list of names":       {strings.Repeat(`Name == "a-service" or `, 1000) + "Name == b", nil},
		"many negations":        {strings.Repeat("not ", 1000) + "Node == a", nil},
		"open parentheses":      {strings.Repeat("(", 20) + "Node", ErrFilter},
		"parentheses to choose": {strings.Repeat("(A == b and ", 20) + "Node == a" + strings.Repeat(")", 20), ErrFilter},
		"a long text":           {`Node == "` + strings.Repeat("a", maxFilter) + `"`, ErrFilter},
	} {
		if got := CheckFilter(c.expression); !errors.Is(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
	if err := CheckFilter("Node"); err == nil || errors.Is(err, ErrFilter) {
		t.Errorf("what is no expression: got %v, want the parser's error", err)
	}
}

// TestSubsetsHaveReadableFilters guards the other way in.
func TestSubsetsHaveReadableFilters(t *testing.T) {
	_, err := prepared(`{"Kind":"service-resolver","Name":"web","Subsets":{"v1":{"Filter":"` + within(20, "Node == a") + `"}}}`)
	if err == nil || !strings.Contains(err.Error(), ErrFilter.Error()) {
		t.Errorf("got %v, want %v", err, ErrFilter)
	}
}
