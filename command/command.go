// Package command is muster's command line: one file per command, and for
// those that run something the wiring of its parts.
//
// It is the only place that knows both wings of the house, the library and
// the registry. It holds no rules of either; it chooses, connects, orders the
// start and the end, and turns errors into an exit code.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/config"
)

// commands is the list of all commands. The first one is the default: muster
// without a command, or with only flags, is muster serve.
func commands() []*cli.Command {
	return []*cli.Command{
		serveCommand(),
		agentCommand(),
		validateCommand(),
		snapshotCommand(),
		exportCommand(),
		importCommand(),
		versionCommand(),
	}
}

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it could not be done
	exitUsage  = 2 // it could not be understood
)

// Run runs the command that args name, args[0] being the program's, and
// returns the exit code. It blocks until the command has ended, which one that
// runs for ever does when ctx ends.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 2 && slices.Contains([]string{"-v", "-version", "--version"}, args[1]) {
		args = []string{args[0], "version"} // as people ask a program that they do not know
	}
	err := root(stdout, stderr).Run(ctx, args)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "muster: %v\n", err)
	if errors.Is(err, config.ErrUsage) {
		return exitUsage
	}
	return exitFailed
}

func root(stdout, stderr io.Writer) *cli.Command {
	list := commands()
	root := &cli.Command{
		Name:           "muster",
		Usage:          "announce services and find the healthy ones, on Consul or without it",
		UsageText:      "muster [command] [options]\n\nWithout a command it is muster " + list[0].Name + "; see muster " + list[0].Name + " --help.",
		Commands:       list,
		DefaultCommand: list[0].Name,
		ArgValidator:   refuseArguments,
		Writer:         stdout,
		ErrWriter:      stderr,
		HideVersion:    true, // there is a command for it

		EnableShellCompletion: true,
		// An exit code is made in one place, Run.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
	}
	all := append(list, root)
	for _, cmd := range list {
		all = append(all, cmd.Commands...)
	}
	for _, cmd := range all {
		cmd.OnUsageError = func(_ context.Context, cmd *cli.Command, err error, _ bool) error {
			return fmt.Errorf("%w: %w; see %s --help", config.ErrUsage, err, cmd.FullName())
		}
	}
	return root
}

// refuseArguments is for the commands that take options only, which is what a
// mistyped command looks like too: it reaches the default one as an argument.
func refuseArguments(_ context.Context, cmd *cli.Command) error {
	if !cmd.Args().Present() || cmd.Name == "help" {
		return nil
	}
	known := cmd.VisibleCommands()
	if len(known) == 0 {
		known = cmd.Root().VisibleCommands()
	}
	var names []string
	for _, one := range known {
		names = append(names, one.Name)
	}
	return fmt.Errorf("%w: unknown command or argument %q; the commands are %s",
		config.ErrUsage, cmd.Args().First(), strings.Join(names, ", "))
}
