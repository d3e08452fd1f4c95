package api

import "testing"

func TestTakesGzip(t *testing.T) {
	for accepted, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "gzip, deflate, br": true, "deflate, gzip": true, "gzip;q=0.5": true, " gzip ; q=1": true,
		"gzip;q=0": false, "gzip;q=0.0": false, "gzip;q=x": false, "br;q=1, gzip;q=0": false, "deflate": false, "identity": false, "*": false, "gzipped": false,
	} {
		if got := takesGzip(accepted); got != want {
			t.Errorf("%q: got %v, want %v", accepted, got, want)
		}
	}
}

// TestZippedInTurn: what nobody can have a delta to is compressed in its turn, also
// for who comes back with the tag of a list from another life of the registry.
func TestZippedInTurn(t *testing.T) {
	d := open(t, Config{})
	list := someInstances(100)
	for _, test := range []struct {
		name  string
		has   func(*pieces) string
		wants bool
	}{
		{"who wants all", func(*pieces) string { return "" }, true},
		{"who has the list of another life", func(*pieces) string { return `"muster-1-1"` }, true},
		{"who has the last one", func(before *pieces) string { return before.tag }, false},
	} {
		compressed := false
		compress := func() []byte { compressed = true; return nil }
		before, err := encodeInstances(list, nil, false, "")
		if err != nil {
			t.Fatal(err)
		}
		before.tag = d.api.answers.tags.next()
		q := &question{zipped: true, has: test.has(before), ask: func() (finding, error) { return finding{value: list, changed: make(chan struct{})}, nil }}
		encode := func(any, *pieces) (text, *pieces, error) {
			now, err := encodeInstances(list[:99], before, false, "")
			return text{size: now.size, all: now.join, gzip: compress}, now, err
		}
		begin := func() (turn, error) { return turn{}, nil }
		if _, err := d.api.answers.get(&slot{}, test.name, q, encode, begin); err != nil {
			t.Fatal(err)
		}
		if compressed != test.wants {
			t.Errorf("%s: it is compressed: %t, want %t", test.name, compressed, test.wants)
		}
	}
}
