package inorder

import (
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// counts returns a next that gives the numbers below end, and then an error.
func counts(end int, err error) func() (int, error) {
	n := -1
	return func() (int, error) {
		if n++; n >= end {
			return 0, err
		}
		return n, nil
	}
}

// TestOrder: what takes longest comes first all the same, when it was first.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []int
		err := Each(counts(100, io.EOF), func(n int) int {
			time.Sleep(time.Duration(100-n) * time.Second)
			return n
		}, func(n int) error {
			got = append(got, n)
			return nil
		})
		if err != nil || len(got) != 100 || !slices.IsSorted(got) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

// TestErrors: the first that is met in order is returned, and nothing goes on.
func TestErrors(t *testing.T) {
	refused, broken := errors.New("refused"), errors.New("broken")
	for _, c := range []struct {
		name  string
		next  func() (int, error)
		most  int // that are taken before take refuses
		want  error
		taken int
	}{
		{"next fails once all before is taken", counts(20, broken), 100, broken, 20},
		{"take fails before next does", counts(20, broken), 5, refused, 5},
		{"take fails, and next never", counts(1<<60, nil), 5, refused, 5},
		{"nothing at all", counts(0, io.EOF), 5, nil, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // which fails when anything goes on
				taken := 0
				err := Each(c.next, func(n int) int { return n }, func(int) error {
					if taken == c.most {
						return refused
					}
					taken++
					return nil
				})
				if !errors.Is(err, c.want) || taken != c.taken {
					t.Errorf("got %v after %d, want %v after %d", err, taken, c.want, c.taken)
				}
			})
		})
	}
}
