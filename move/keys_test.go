package move

import (
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestBatch: a transaction is as large as it may be, and holds one key at
// least.
func TestBatch(t *testing.T) {
	keys := func(sizes ...int) (items []*Item) {
		for _, size := range sizes {
			items = append(items, &Item{pair: &api.KVPair{Key: "k", Value: []byte(strings.Repeat("x", size))}})
		}
		return items
	}
	for name, c := range map[string]struct {
		items []*Item
		limit int
		want  int
	}{
		"all":            {keys(1, 1, 1), 10_000, 3},
		"64 and no more": {keys(make([]int, 100)...), 1 << 20, 64},
		"what fits":      {keys(3000, 3000, 3000), 10_000, 2},
		"one too large":  {keys(30_000, 1), 10_000, 1},
		"before it":      {keys(1, 30_000), 10_000, 1},
	} {
		if got := batch(c.items, c.limit); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}
