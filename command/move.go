package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/config"
	"github.com/realjf/muster/move"
)

// moving is what export and import share: how to reach the registry, and what
// of it is meant.
type moving struct {
	choice  move.Choice
	only    string
	client  func() (*api.Config, error)
	address string // of the registry, once connect has read the options
}

// flags returns the options of both.
func (m *moving) flags() []cli.Flag {
	flags, client := config.ClientFlags()
	m.client = client
	return append(flags,
		&cli.StringFlag{Name: "only", Usage: "`KINDS` that are meant, separated by commas: " + kindNames() + "; all by default", Destination: &m.only},
		&cli.StringFlag{Name: "prefix", Usage: "of keys, those that begin with `TEXT`", Destination: &m.choice.Prefix},
	)
}

func kindNames() string {
	var names []string
	for _, kind := range move.Kinds() {
		names = append(names, string(kind))
	}
	return strings.Join(names, ", ")
}

// connect reads the options.
func (m *moving) connect() (*api.Client, error) {
	for _, name := range strings.Split(m.only, ",") {
		kind := move.Kind(strings.TrimSpace(name))
		if kind == "" && m.only == "" {
			break
		}
		if !slices.Contains(move.Kinds(), kind) {
			return nil, fmt.Errorf("%w: -only=%q: there is no kind %q; they are %s", config.ErrUsage, m.only, kind, kindNames())
		}
		m.choice.Only = append(m.choice.Only, kind)
	}
	settings, err := m.client()
	if err != nil {
		return nil, err
	}
	m.address = settings.Address
	return api.NewClient(settings)
}

// oneFileOrStream wants one argument, and says what may stand for a file.
func oneFileOrStream(_ context.Context, cmd *cli.Command) error {
	if n := cmd.Args().Len(); n != 1 {
		return fmt.Errorf("%w: give one FILE, or - for %s, got %d; see %s --help",
			config.ErrUsage, map[string]string{"export": "standard output", "import": "standard input"}[cmd.Name], n, cmd.FullName())
	}
	return nil
}

// stayed is said of what is not moved.
const stayed = "Sessions and locks do not move; programs that run announce themselves again once they are pointed there."

// tellLeft names what stays behind, what has the same reason together.
func tellLeft(out io.Writer, what string, things []named) {
	var reasons []string
	names := map[string][]string{}
	for _, thing := range things {
		if names[thing.why] == nil {
			reasons = append(reasons, thing.why)
		}
		names[thing.why] = append(names[thing.why], thing.name)
	}
	for _, why := range reasons {
		fmt.Fprintf(out, "%s %s: %s\n", what, few(names[why]), why)
	}
}

// named is a thing and what is to be said of it.
type named struct{ name, why string }

// shown bounds how many names are told at once.
const shown = 10

// few names some of many.
func few(names []string) string {
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}

// errNothingWritten ends an import that stopped before it wrote.
var errNothingWritten = errors.New("nothing was written")
