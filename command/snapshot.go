package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent/archive"
	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/config"
)

func snapshotCommand() *cli.Command {
	return &cli.Command{
		Name:  "snapshot",
		Usage: "save a registry's state to a file, restore it, and look into one",
		Commands: []*cli.Command{
			snapshotOf("save", "write all that a running registry knows into FILE", saveSnapshot),
			snapshotOf("restore", "put FILE in place of all that a running registry knows", restoreSnapshot),
			{
				Name: "inspect", Usage: "say what is in FILE, and whether it is whole", ArgsUsage: "FILE", ArgValidator: oneFile,
				Action: func(_ context.Context, cmd *cli.Command) error {
					return inspectSnapshot(cmd.Args().First(), cmd.Root().Writer)
				},
			},
		},
		ArgValidator: refuseArguments,
	}
}

// snapshotOf is a command that does something between a registry and a file.
func snapshotOf(name, usage string, do func(ctx context.Context, client *api.Client, file string, stdout io.Writer) error) *cli.Command {
	flags, read := config.ClientFlags()
	return &cli.Command{
		Name: name, Usage: usage, ArgsUsage: "FILE", Flags: flags, ArgValidator: oneFile,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			settings, err := read()
			if err != nil {
				return err
			}
			client, err := api.NewClient(settings)
			if err != nil {
				return err
			}
			return asked(settings.Address, do(ctx, client, cmd.Args().First(), cmd.Root().Writer))
		},
	}
}

// oneFile wants one argument.
func oneFile(_ context.Context, cmd *cli.Command) error {
	if n := cmd.Args().Len(); n != 1 {
		return fmt.Errorf("%w: give one FILE, got %d; see %s --help", config.ErrUsage, n, cmd.FullName())
	}
	return nil
}

// saveSnapshot writes a file that is whole, or none: what was there stays until
// the new one has been read back.
func saveSnapshot(ctx context.Context, client *api.Client, file string, stdout io.Writer) error {
	body, meta, err := client.Snapshot().Save((&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	defer body.Close()
	// A temporary file is for its owner alone, as a snapshot must be: it holds
	// all there is.
	out, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".unverified-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name()) // fails when all went well, and it has another name
	_, err = io.Copy(out, body)
	err = errors.Join(err, out.Sync(), out.Close())
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	said := "saved and verified"
	if _, _, err := readSnapshot(out.Name()); errors.Is(err, archive.ErrConsul) {
		said = "saved, and not verified, for it is one of Consul's,"
	} else if err != nil {
		return fmt.Errorf("verify the snapshot that was received: %w", err)
	}
	if err := os.Rename(out.Name(), file); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(file)); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "snapshot %s to index %d\n", said, meta.LastIndex)
	return err
}

// syncFolder waits until the names of the files in a folder are on the disk.
func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// restoreSnapshot sends a file to a registry, which takes all of it or nothing.
func restoreSnapshot(ctx context.Context, client *api.Client, file string, stdout io.Writer) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := client.Snapshot().Restore((&api.WriteOptions{}).WithContext(ctx), in); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	_, err = fmt.Fprintln(stdout, "snapshot restored")
	return err
}

// readSnapshot reads a file to its end.
func readSnapshot(file string) (*state.Saved, archive.Meta, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, archive.Meta{}, err
	}
	defer in.Close()
	return archive.Read(in, math.MaxInt64) // its owner knows how large it is
}

// inspectSnapshot prints what is in a file.
func inspectSnapshot(file string, stdout io.Writer) error {
	saved, meta, err := readSnapshot(file)
	unread := (*fs.PathError)(nil)
	switch {
	case errors.As(err, &unread):
		return err // which names the file
	case errors.Is(err, archive.ErrConsul):
		return fmt.Errorf("%s: %w", file, err)
	case err != nil:
		return fmt.Errorf("%s: it is no snapshot, or not whole: %w", file, err)
	}
	out := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(out, "ID\t%s\nSaved\t%s\nBy\tmuster %s\nIndex\t%d\nSize\t%d\n\n", meta.ID, meta.Saved.Format(time.RFC3339), meta.Muster, meta.Index, meta.Size)
	fmt.Fprintf(out, "Table\tRows\tBytes\n")
	rows := 0
	for _, table := range saved.Sizes() {
		fmt.Fprintf(out, "%s\t%d\t%d\n", table.Name, table.Rows, table.Bytes)
		rows += table.Rows
	}
	fmt.Fprintf(out, "all\t%d\t%d\n", rows, meta.Size)
	return out.Flush()
}
