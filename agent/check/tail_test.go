package check

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTailIsTheEndOfWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, 20).Draw(t, "size")
		kept, all := newTail(size), ""
		for _, part := range rapid.SliceOf(rapid.StringMatching(`[a-z]{0,30}`)).Draw(t, "parts") {
			if n, err := kept.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("wrote %d of %d bytes, error %v", n, len(part), err)
			}
			all += part
		}
		want := all[max(0, len(all)-size):]
		if got := kept.String(); got != want {
			t.Fatalf("got %q of %q, want %q", got, all, want)
		}
		if cut := len(all) > size; cut != strings.HasPrefix(kept.Counted(), "Captured ") {
			t.Fatalf("got %q of %q", kept.Counted(), all)
		}
	})
}

func TestTailSaysHowMuchItIs(t *testing.T) {
	kept := newTail(4)
	_, _ = kept.Write([]byte("123456"))
	if got, want := kept.Counted(), "Captured 4 of 6 bytes\n...\n3456"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
