package main

import (
	"context"
	"time"

	"github.com/realjf/muster/test/registry"
)

// figure is one row of the table. To add one, write its measure in a file of
// its own and name it in figures.
type figure struct {
	name  string // what was measured, with its unit
	exact string // how exactly, for the notes below the table
	more  bool   // more is better
	times int    // how often it is taken in a round; 0 is once

	// measure gives one value, taken from a registry that was started for it
	// alone and is ended afterwards.
	measure func(ctx context.Context, r *registry.Registry) (float64, error)

	// fromStart: measure starts the registry itself.
	fromStart bool
}

// figures is the whole table, from top to bottom.
var figures = []figure{
	{
		name:      "start to first accepted registration, ms",
		exact:     "from starting the process until `PUT /v1/agent/service/register` first answers 200; five starts a round",
		times:     5,
		measure:   firstRegistration,
		fromStart: true,
	},
	{
		name:    "memory at rest, MiB",
		exact:   "resident memory of the process, " + rest.String() + " after it answers",
		measure: memoryAtRest,
	},
	{
		name:    "registrations, 16 clients, 1/s",
		exact:   "over " + registerPeriod.String() + ", each a new instance without checks, 100 services",
		more:    true,
		measure: registrations,
	},
	{
		name:    "`/v1/health/service/X?passing`, 100 instances, 16 clients, 1/s",
		exact:   "over " + readPeriod.String() + ", keep-alive, no compression",
		more:    true,
		measure: reads,
	},
	{
		name:    "change to last of 1,000 blocked readers, ms",
		exact:   "one service of 50 instances, one of which changes its meta; from sending the change until the last reader has the whole answer; median of 5 changes",
		measure: lastReader,
	},
}

// limit bounds one measurement, so that a registry that hangs ends the run.
const limit = time.Minute
