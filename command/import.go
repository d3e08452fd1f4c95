package command

import (
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/config"
	"github.com/realjf/muster/move"
)

// importing is a run of muster import.
type importing struct {
	moving
	dryRun, overwrite, keep bool
}

func importCommand() *cli.Command {
	var m importing
	flags := append(m.flags(),
		&cli.BoolFlag{Name: "dry-run", Usage: "say what would be written, and write nothing", Destination: &m.dryRun},
		&cli.BoolFlag{Name: "overwrite", Usage: "put what the file has in place of what is there and differs", Destination: &m.overwrite},
		&cli.BoolFlag{Name: "keep", Usage: "leave what is there and differs as it is, and write the rest", Destination: &m.keep},
		&cli.BoolFlag{Name: "without-checks", Usage: "write services whose checks cannot come along without those: they count as healthy", Destination: &m.choice.WithoutChecks},
		&cli.BoolFlag{Name: "same-machine", Usage: "the registry's agent runs on the machine of the one that was exported, though it has another address", Destination: &m.choice.SameMachine},
	)
	return &cli.Command{
		Name: "import", Usage: "put what muster export wrote into FILE into a registry, muster or Consul; - is standard input",
		ArgsUsage: "FILE", ArgValidator: oneFileOrStream, Flags: flags,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if m.overwrite && m.keep {
				return fmt.Errorf("%w: -overwrite and -keep exclude each other", config.ErrUsage)
			}
			contents, err := readExport(cmd.Args().First(), cmd.Root().Reader)
			if err != nil {
				return err
			}
			client, err := m.connect()
			if err != nil {
				return err
			}
			if err := m.run(ctx, client, contents, cmd.Root().Writer, cmd.Root().ErrWriter); err != nil {
				return fmt.Errorf("import: %w", asked(m.address, err))
			}
			return nil
		},
	}
}

func readExport(file string, stdin io.Reader) (*move.Contents, error) {
	in, name := stdin, "standard input"
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer opened.Close()
		in, name = opened, file
	}
	contents, err := move.Load(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return contents, nil
}

// run looks at everything, and then writes.
func (m *importing) run(ctx context.Context, client *api.Client, contents *move.Contents, stdout, stderr io.Writer) error {
	plan, err := move.NewPlan(ctx, client, contents, m.choice)
	if err != nil {
		return fmt.Errorf("%w: %w", errNothingWritten, err)
	}
	if !m.dryRun {
		if err := plan.Rehearse(ctx); err != nil {
			return fmt.Errorf("%w: %w", errNothingWritten, err)
		}
	}
	fmt.Fprintf(stdout, "from %s, node %s, exported %s\nto   %s\n\n", contents.From.Registry, contents.From.Node, contents.Written.Format(time.RFC3339), plan.To)
	if m.dryRun {
		m.tellItems(stdout, plan)
	}
	written := map[move.Kind]int{}
	stopped := m.mayWrite(plan)
	if stopped == nil && !m.dryRun {
		last := time.Now()
		stopped = plan.Write(ctx, m.overwrite, func(kind move.Kind, done, of int) {
			written[kind] = done
			if time.Since(last) > time.Second {
				last = time.Now()
				fmt.Fprintf(stderr, "%s: %d of %d\n", kind, done, of)
			}
		})
		if stopped != nil {
			stopped = fmt.Errorf("%w; what the table says was written stays, and the same command again goes on from there", stopped)
		}
	}
	if err := m.tellPlan(stdout, plan, written); err != nil || stopped != nil {
		return stopped
	}
	return m.readBack(ctx, client, contents, plan, stdout)
}

// mayWrite returns why nothing may be written, or nil.
func (m *importing) mayWrite(plan *move.Plan) error {
	if refused := plan.Of(move.Refused); len(refused) > 0 {
		return fmt.Errorf("%w: the registry would not take %d of it, named above; -only and -prefix choose the rest", errNothingWritten, len(refused))
	}
	if differing := plan.Of(move.Different); len(differing) > 0 && !m.overwrite && !m.keep && !m.dryRun {
		return fmt.Errorf("%w: %d are there and differ, named above; -overwrite puts the file's in their place, -keep leaves them and writes the rest", errNothingWritten, len(differing))
	}
	return nil
}

// tellItems lists what would be written.
func (m *importing) tellItems(stdout io.Writer, plan *move.Plan) {
	signs := map[move.Fate]string{move.New: "+", move.Different: "~"}
	for _, item := range plan.Items {
		if sign := signs[item.Fate]; sign != "" {
			fmt.Fprintf(stdout, "%s %s\n", sign, title(item))
		}
	}
}

// title is what an item is called to people.
func title(item *move.Item) string {
	switch item.Kind {
	case move.Keys:
		return "key " + item.Name
	case move.ConfigEntries:
		return "config entry " + item.Name
	default:
		return item.Name
	}
}

func (m *importing) tellPlan(stdout io.Writer, plan *move.Plan, written map[move.Kind]int) error {
	count := map[move.Kind]map[move.Fate]int{}
	notes := map[move.Fate][]named{}
	for _, item := range plan.Items {
		if count[item.Kind] == nil {
			count[item.Kind] = map[move.Fate]int{}
		}
		count[item.Kind][item.Fate]++
		if item.Why != "" || item.Fate == move.Different {
			notes[item.Fate] = append(notes[item.Fate], named{title(item), item.Why})
		}
	}
	out := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(out, "Kind\tNew\tDiffering\tWritten\tThere already\tLeft out\tRefused")
	for _, kind := range move.Kinds() {
		if c := count[kind]; c != nil {
			fmt.Fprintf(out, "%s\t%d\t%d\t%d\t%d\t%d\t%d\n", kind, c[move.New], c[move.Different], written[kind], c[move.Same], c[move.Left], c[move.Refused])
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(stdout)
	var differing []named
	for _, one := range notes[move.Different] {
		differing = append(differing, named{one.name, "there, and otherwise than in the file"})
	}
	tellLeft(stdout, "differs:", differing)
	tellLeft(stdout, "refused:", notes[move.Refused])
	tellLeft(stdout, "left out:", notes[move.Left])
	tellLeft(stdout, "note:", append(notes[move.New], notes[move.Same]...))
	return nil
}

// readBack compares once more, so that what is said to be written is there.
func (m *importing) readBack(ctx context.Context, client *api.Client, contents *move.Contents, done *move.Plan, stdout io.Writer) error {
	total := len(done.Of(move.New))
	if m.overwrite {
		total += len(done.Of(move.Different))
	}
	switch {
	case m.dryRun:
		_, err := fmt.Fprintln(stdout, "nothing was written: it is a dry run")
		return err
	case total == 0:
		_, err := fmt.Fprintln(stdout, "nothing was to be written")
		if left := len(done.Of(move.Left)); left > 0 {
			_, err = fmt.Fprintf(stdout, "left out: %d of %d; above is why\n", left, len(done.Items))
		}
		return err
	}
	after, err := move.NewPlan(ctx, client, contents, m.choice)
	if err != nil {
		return fmt.Errorf("all was written, and could not be read back: %w", err)
	}
	var otherwise []string
	for _, item := range after.Items {
		if item.Fate == move.New || item.Fate == move.Different && !m.keep {
			otherwise = append(otherwise, title(item))
		}
	}
	if len(otherwise) > 0 {
		return fmt.Errorf("all was written, and read back these are not as in the file: %s; somebody changed them meanwhile, or the registry stores them otherwise", few(otherwise))
	}
	_, err = fmt.Fprintln(stdout, "read back: all of it is there as in the file\n"+stayed)
	return err
}
