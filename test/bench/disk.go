package main

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/realjf/muster/test/registry"
)

// diskFigures are those of registries that keep what they are told on disk:
// muster with -data-dir, one Consul server with a data directory, and minimal
// with a file that it syncs once for all who wait.
var diskFigures = []figure{
	{
		name:      "on disk: start to first accepted registration, ms",
		exact:     "with an empty folder; Consul with the raft_multiplier of 1 that its documentation gives for production",
		goal:      "50",
		onDisk:    true,
		fromStart: true,
		measure:   firstRegistration,
	},
	{
		name:    "on disk: registrations, 1 client, 1/s",
		exact:   diskExact,
		more:    true,
		goal:    "0.5 × minimal",
		onDisk:  true,
		measure: registrations(1),
	},
	{
		name:    "on disk: registrations, 16 clients, 1/s",
		exact:   diskExact,
		more:    true,
		goal:    "0.5 × minimal",
		onDisk:  true,
		measure: registrations(16),
	},
	{
		name:    "on disk: registrations, 64 clients, 1/s",
		exact:   diskExact,
		more:    true,
		goal:    "0.5 × minimal",
		onDisk:  true,
		measure: registrations(64),
	},
	{
		name:    "on disk: start with 100,000 instances, ms",
		exact:   "from starting the process, after `kill -9`, until it answers",
		goal:    "1500",
		onDisk:  true,
		who:     musterAlone,
		measure: startAgain,
	},
}

const diskExact = "each a new instance without checks, answered when it is on disk"

// keeping returns a contender that keeps what it is told in a folder.
func keeping(kind registry.Kind, folder string) (registry.Kind, error) {
	switch kind.Name {
	case musterName:
		return registry.Durable(kind.Path, folder), nil
	case consulName:
		servers, err := registry.Cluster(kind.Path, folder, 1)
		if err != nil {
			return kind, err
		}
		return servers[0].Kind, nil
	default:
		args := kind.Args
		kind.Args = func(ports registry.Ports) ([]string, error) {
			all, err := args(ports)
			return slices.Concat(all, []string{"-log", filepath.Join(folder, "log")}), err
		}
		return kind, nil
	}
}

// startAgain measures how long a registry with many instances takes to start.
func startAgain(ctx context.Context, r *registry.Registry) (float64, error) {
	const instances = 100_000
	if err := arrive(ctx, r, instances); err != nil {
		return 0, err
	}
	if err := r.End(); err != nil {
		return 0, err
	}
	start := time.Now()
	if err := r.Start(ctx); err != nil {
		return 0, err
	}
	return float64(time.Since(start)) / float64(time.Millisecond), nil
}
