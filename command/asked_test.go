package command

import (
	"context"
	"io"
	"strings"
	"testing"
)

// TestAskedAStranger: who asks a web server for a registry's state is told so.
func TestAskedAStranger(t *testing.T) {
	stranger := answering(t, 404, "not found")
	for _, args := range []string{"export -http-addr " + stranger + " -", "snapshot save -http-addr " + stranger + " x"} {
		var stdout, stderr strings.Builder
		code := Run(t.Context(), append([]string{"muster"}, strings.Fields(args)...), &stdout, &stderr)
		if got := stderr.String(); code != exitFailed || !strings.Contains(got, "what answers at "+stranger+" may be no registry") {
			t.Errorf("%s: got %d, %q, want what to look at", args, code, got)
		}
	}
}

// TestToldToEndBeforeItServes: that nobody knows the registry's name yet is no failure
// of a program that is told to end.
func TestToldToEndBeforeItServes(t *testing.T) {
	ctx, signal := context.WithCancel(t.Context())
	signal()
	cfg := settings("nobody.invalid:8500")
	if err := serve(ctx, cfg, io.Discard, silence); err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
}
