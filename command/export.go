package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/move"
)

func exportCommand() *cli.Command {
	var m moving
	return &cli.Command{
		Name: "export", Usage: "write what a registry, muster or Consul, holds into FILE, for muster import; - is standard output",
		ArgsUsage: "FILE", ArgValidator: oneFileOrStream, Flags: m.flags(),
		Action: func(ctx context.Context, cmd *cli.Command) error {
			client, err := m.connect()
			if err != nil {
				return err
			}
			contents, err := move.Collect(ctx, client, m.choice)
			if err != nil {
				return fmt.Errorf("export: %w", asked(m.address, err))
			}
			file, told := cmd.Args().First(), cmd.Root().Writer
			if file == "-" {
				told = cmd.Root().ErrWriter
				err = move.Save(cmd.Root().Writer, contents)
			} else {
				err = writeWhole(file, func(out io.Writer) error { return move.Save(out, contents) })
			}
			if err != nil {
				return fmt.Errorf("export: %w", err)
			}
			return tellExport(told, contents)
		},
	}
}

// writeWhole writes a file for its owner alone that is whole, or none: what was
// there stays until the new one is safe.
func writeWhole(file string, write func(io.Writer) error) error {
	out, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".unfinished-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // fails when all went well, and it has another name
	if err := errors.Join(write(out), out.Sync(), out.Close()); err != nil {
		return err
	}
	if err := os.Rename(out.Name(), file); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(file))
}

func tellExport(told io.Writer, contents *move.Contents) error {
	from := contents.From
	fmt.Fprintf(told, "from %s, node %s of %s\n\n", from.Registry, from.Node, from.Datacenter)
	out := tabwriter.NewWriter(told, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "Kind\tWritten\tLeft out")
	for _, kind := range contents.Kinds {
		left := 0
		for _, one := range contents.Left {
			if one.Kind == kind {
				left++
			}
		}
		fmt.Fprintf(out, "%s\t%d\t%d\n", kind, contents.Count(kind), left)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(told)
	var left []named
	for _, one := range contents.Left {
		left = append(left, named{one.Name, one.Reason})
	}
	tellLeft(told, "left out", left)
	_, err := fmt.Fprintln(told, stayed)
	return err
}
