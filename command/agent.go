package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/journal"
	"github.com/realjf/muster/config"
)

func agentCommand() *cli.Command {
	flags, read := config.AgentFlags()
	return &cli.Command{
		Name:  "agent",
		Usage: "run a registry that speaks Consul's HTTP API and DNS",
		Flags: flags,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			cfg, err := read()
			if cfg.Validate {
				return verdict(cmd.Root(), cfg.Warnings, err)
			}
			if err != nil {
				return err
			}
			return runAgent(ctx, cfg, read, cmd.Root())
		},
	}
}

// runAgent runs a registry until ctx ends or somebody asks it to leave.
func runAgent(ctx context.Context, cfg config.Agent, read func() (config.Agent, error), root *cli.Command) (err error) {
	defer ownMemory()()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // would end the process otherwise
	defer signal.Stop(hangups)
	log, err := openLog(cfg.Log, root.ErrWriter)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()
	warn(log.Logger, cfg.Warnings)
	r := &reloader{read: read, log: log, settings: cfg, seen: cfg.Read}
	cfg.Registry.Logger, cfg.Registry.Reload = log.Logger, r.reload

	r.agent, err = agent.New(cfg.Registry)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: a registry may be running there already; choose another %s", err, otherDoor(err))
	}
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		return fmt.Errorf("%w: this machine has no such address; choose another with -client or addresses", err)
	}
	if damaged := (*journal.Damaged)(nil); errors.As(err, &damaged) {
		if damaged.Cut {
			return fmt.Errorf("%w; to go on with what was written before the damage: muster agent -data-dir %s -cut-damaged, with the other options as before",
				err, cfg.Registry.DataDir)
		}
		return fmt.Errorf("%w; nothing that is whole stands before it: restore the folder from a backup, or start on an empty one and run muster snapshot restore FILE", err)
	}
	if err != nil {
		return err
	}
	if cfg.PIDFile != "" {
		err := os.WriteFile(cfg.PIDFile, []byte(strconv.Itoa(os.Getpid())), 0o644) // #nosec G306 -- a process id is no secret
		if err != nil {
			return errors.Join(fmt.Errorf("write the process id: %w", err), r.agent.Close())
		}
		defer func() { err = errors.Join(err, os.Remove(cfg.PIDFile)) }()
	}
	greet(root.Writer, cfg.Registry.DataDir, r.agent)

	ctx, stop := context.WithCancel(ctx)
	var reloads sync.WaitGroup
	reloads.Go(func() { r.reloadAt(ctx, hangups) }) // ends with ctx; awaited below
	err = r.agent.Run(ctx)
	stop()
	reloads.Wait()
	return err
}

// otherDoor says how to choose another address than one that is in use.
func otherDoor(err error) string {
	var bind *net.OpError
	if errors.As(err, &bind) && bind.Net == "unix" {
		return "path for the socket (addresses.http or addresses.https), or end the program that listens there"
	}
	var door *agent.DoorError
	if !errors.As(err, &door) {
		return "address"
	}
	option := "port with -" + strings.ReplaceAll(door.Door, "_", "-") + "-port"
	if door.Door == "dns" {
		option += " (-1 for none)"
	}
	return option
}

// here returns an address that can be called from this machine in place of one
// that stands for all of its addresses.
func here(address string) string {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsUnspecified() {
		return address
	}
	// What listens on all of IPv6 listens on all of IPv4, too.
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port()).String()
}

// greet says where the registry can be reached.
func greet(stdout io.Writer, dataDir string, a *agent.Agent) {
	urls := a.URLs()
	where := "in memory"
	if dataDir != "" {
		where = "kept in " + dataDir
	}
	fmt.Fprintln(stdout, "the registry is ready, "+where)
	for _, url := range urls {
		if strings.HasPrefix(url, "unix://") {
			fmt.Fprintf(stdout, "  API   %s\n", url)
			continue
		}
		scheme, address, _ := strings.Cut(url, "://")
		url = scheme + "://" + here(address)
		fmt.Fprintf(stdout, "  API   %s/v1/\n  page  %s/ui/\n", url, url)
	}
	for _, resolver := range a.DNSAddrs() {
		fmt.Fprintf(stdout, "  DNS   %s\n", here(resolver))
	}
	for _, resolver := range a.DNSTLSAddrs() {
		fmt.Fprintf(stdout, "  DNS   %s over TLS\n", here(resolver))
	}
	if len(urls) == 0 {
		fmt.Fprintln(stdout, "  no door is open for HTTP: nobody can register (ports.http, addresses.http)")
	}
}

func warn(logger *slog.Logger, warnings []string) {
	for _, warning := range warnings {
		logger.Warn(warning)
	}
}
