package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/config"
)

func validateCommand() *cli.Command {
	var format string
	var quiet bool
	return &cli.Command{
		Name:      "validate",
		Usage:     "say whether files of the agent's settings are valid",
		ArgsUsage: "FILE_OR_FOLDER...",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config-format", Destination: &format, Usage: "`FORMAT` of the files, json or hcl, whatever they are called"},
			&cli.BoolFlag{Name: "quiet", Destination: &quiet, Usage: "say nothing about files that are valid"},
		},
		ArgValidator: func(_ context.Context, cmd *cli.Command) error {
			if !cmd.Args().Present() {
				return fmt.Errorf("%w: give at least one file or folder", config.ErrUsage)
			}
			return nil
		},
		Action: func(_ context.Context, cmd *cli.Command) error {
			warnings, err := config.ValidateFiles(format, cmd.Args().Slice())
			if err == nil && quiet {
				return nil
			}
			return verdict(cmd.Root(), warnings, err)
		},
	}
}

// verdict says what was found about settings; what cannot be used is no wrong
// use of this command.
func verdict(root *cli.Command, warnings []string, err error) error {
	for _, warning := range warnings {
		fmt.Fprintf(root.ErrWriter, "warning: %s\n", warning)
	}
	if err != nil {
		faults := strings.TrimPrefix(err.Error(), config.ErrUsage.Error()+": ")
		return errors.New("the configuration is not valid:\n" + faults)
	}
	_, err = fmt.Fprintln(root.Writer, "Configuration is valid!")
	return err
}
