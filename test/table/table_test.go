package table

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 2, 9}, 3},
	} {
		if got := Median(test.values); got != test.want {
			t.Errorf("Median(%v) = %v, want %v", test.values, got, test.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{5, 1, 4, 2, 3}
	for share, want := range map[float64]float64{0: 1, 0.2: 1, 0.5: 3, 0.81: 5, 0.99: 5, 1: 5} {
		if got := Quantile(values, share); got != want {
			t.Errorf("Quantile(%v, %v) = %v, want %v", values, share, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	for value, want := range map[float64]string{0.254: "0.25", 12.34: "12.3", 123.4: "123", 1234: "1,234", 91_000: "91,000", 1_234_567: "1,234,567"} {
		if got := Short(value); got != want {
			t.Errorf("Short(%v) = %q, want %q", value, got, want)
		}
	}
}

var marks = Marks{Begin: "from here", End: "to here"}

func TestInsertReplacesWhatStandsBetweenTheMarkers(t *testing.T) {
	document := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(document, []byte("head\nfrom here\nold\nto here\nfoot\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := marks.Insert(document, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if want := "head\nfrom here\nnew\nto here\nfoot\n"; string(got) != want {
		t.Errorf("Insert() left %q, want %q", got, want)
	}
}

func TestInsertNeedsTheMarkers(t *testing.T) {
	document := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(document, []byte("head\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := marks.Insert(document, "new\n"); err == nil {
		t.Error("Insert() gave no error for a page without markers")
	}
}
