package config

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// TestClientAddress: every path begins with a slash, so that an address needs none at
// its end; what names no registry is refused, and says where it was named.
func TestClientAddress(t *testing.T) {
	for name, test := range map[string]struct {
		environment string
		args        []string
		want        string
		says        string // of the refusal
	}{
		"a URL with a slash":          {args: []string{"-http-addr", "https://r:8501/"}, want: "https://r:8501"},
		"an address with a slash":     {args: []string{"-http-addr", "r:8500/"}, want: "r:8500"},
		"a path with a slash":         {environment: "http://r/consul//", want: "http://r/consul"},
		"a socket":                    {environment: "unix:///run/r.sock", want: "unix:///run/r.sock"},
		"another scheme":              {args: []string{"-http-addr", "ftp://r"}, says: "-http-addr: "},
		"another scheme, environment": {environment: "ftp://r", says: "CONSUL_HTTP_ADDR: "},
		"nobody":                      {environment: "http:///", says: "the host is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("CONSUL_HTTP_ADDR", test.environment)
			flags, client := ClientFlags()
			run := &cli.Command{Flags: flags, Action: func(context.Context, *cli.Command) error { return nil }}
			if err := run.Run(t.Context(), append([]string{"x"}, test.args...)); err != nil {
				t.Fatal(err)
			}
			settings, err := client()
			if test.says != "" {
				if !errors.Is(err, ErrUsage) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want that it says %q", err, test.says)
				}
				return
			}
			if err != nil || settings.Address != test.want {
				t.Errorf("got %q, %v, want %q", settings.Address, err, test.want)
			}
		})
	}
}
