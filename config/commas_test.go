package config

import (
	"encoding/csv"
	"slices"
	"strings"
	"testing"
)

func TestCommas(t *testing.T) {
	for text, want := range map[string][]string{
		"":               nil,
		"a":              {"a"},
		"a,b":            {"a", "b"},
		" a , b ":        {"a", "b"},
		"a,,b":           {"a", "", "b"},
		`"a,b",c`:        {"a,b", "c"},
		`"a ""b"", c"`:   {`a "b", c`},
		`k="v",l=w`:      {`k="v"`, "l=w"},
		`"k=v,w",l=x`:    {"k=v,w", "l=x"},
		`urlprefix-/a`:   {"urlprefix-/a"},
		`traefik.x=A(b)`: {"traefik.x=A(b)"},
	} {
		got, err := commas(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"a\nb", "a\n\nb"} {
		if got, err := commas(text); err == nil {
			t.Errorf("%q: got %q, want an error", text, got)
		}
	}
}

// FuzzCommas writes texts as CSV and reads them again.
func FuzzCommas(f *testing.F) {
	f.Add("a", "b")
	f.Add("a,b", `"`)
	f.Add("", `a"b`)
	f.Fuzz(func(t *testing.T, one, two string) {
		_, _ = commas(one) // whatever it is, it does no harm
		for _, text := range []string{one, two} {
			if strings.TrimSpace(text) != text || strings.ContainsAny(text, "\r\n") {
				return
			}
		}
		var line strings.Builder
		w := csv.NewWriter(&line)
		if err := w.Write([]string{one, two}); err != nil {
			t.Fatal(err)
		}
		w.Flush()
		got, err := commas(strings.TrimSuffix(line.String(), "\n"))
		if err != nil || !slices.Equal(got, []string{one, two}) {
			t.Errorf("%q, %q: written as %q, read as %q, %v", one, two, line.String(), got, err)
		}
	})
}
