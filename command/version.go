package command

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/config"
)

func versionCommand() *cli.Command {
	var format string
	return &cli.Command{
		Name:  "version",
		Usage: "print the version of muster",
		Flags: []cli.Flag{&cli.StringFlag{Name: "format", Value: "pretty", Destination: &format, Usage: "`FORMAT` to print: pretty or json"}},
		Action: func(_ context.Context, cmd *cli.Command) error {
			if format == "json" {
				// Who runs consul version -format json wants to know which Consul
				// the agent is as good as.
				encoder := json.NewEncoder(cmd.Root().Writer)
				encoder.SetIndent("", "    ")
				return encoder.Encode(struct{ Version, Muster, Go string }{agent.ConsulVersion, config.Version(), runtime.Version()})
			}
			if format != "pretty" {
				return fmt.Errorf("%w: -format %q: want pretty or json", config.ErrUsage, format)
			}
			_, err := fmt.Fprintf(cmd.Root().Writer, "muster %s (%s, %s/%s)\n", config.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
