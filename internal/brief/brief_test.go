package brief

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"four", "four"},
		{"fives", "five... (5 bytes)"},
		{"abcé", "abc... (5 bytes)"},
		{strings.Repeat("x", 1<<20), "xxxx... (1048576 bytes)"},
	} {
		if got := Text(test.text, 4); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
