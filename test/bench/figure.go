package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/realjf/muster/test/registry"
)

// figure is one row of the table. To add one, write its measure in a file of
// its own and name it in figures.
type figure struct {
	name  string // what was measured, with its unit
	exact string // how exactly, for the notes below the table
	more  bool   // more is better
	goal  string // what muster aims at; empty for nothing in particular
	times int    // how often it is taken in a round; 0 is once
	who   who    // whose figure it is

	// measure gives one value, taken from a registry that was started for it
	// alone and is ended afterwards.
	measure func(ctx context.Context, r *registry.Registry) (float64, error)

	// onDisk: the registries keep what they are told, see keeping.
	onDisk bool

	// fromStart: measure starts the registry itself.
	fromStart bool
}

// who says of whom a figure is taken, and how often.
type who int

const (
	everybody      who = iota
	consulOnce         // everybody, but Consul in the first round only: it takes minutes
	musterAlone        // muster only
	registriesOnly     // muster, and Consul in the first round: it takes minutes
)

// takes reports whether a contender's figure is taken in a round.
func (w who) takes(contender string, round int) bool {
	switch w {
	case consulOnce:
		return contender != consulName || round == 0
	case musterAlone:
		return contender == musterName
	case registriesOnly:
		return contender == musterName || contender == consulName && round == 0
	default:
		return true
	}
}

// figures is the whole table, from top to bottom.
var figures = slices.Concat([]figure{
	{
		name:      "start to first accepted registration, ms",
		exact:     "from starting the process until `PUT /v1/agent/service/register` first answers 200; five starts a round",
		goal:      "25",
		times:     5,
		measure:   firstRegistration,
		fromStart: true,
	},
	{
		name:      "binary, MiB",
		exact:     "the file; muster and minimal are built with `-trimpath -ldflags='-s -w'`",
		goal:      "20",
		measure:   binarySize,
		fromStart: true,
	},
	{
		name:    "memory at rest, MiB",
		exact:   "resident memory of the process, " + rest.String() + " after it answers",
		goal:    "16",
		measure: memoryAtRest,
	},
	{
		name:    "processor at rest, ms/s",
		exact:   "processor time of all threads over " + rest.String() + ", beginning " + rest.String() + " after it answers",
		goal:    "0.5",
		measure: processorAtRest,
	},
	{
		name:    "registrations, 1 client, 1/s",
		exact:   registrationsExact,
		more:    true,
		measure: registrations(1),
	},
	{
		name:    "registrations, 16 clients, 1/s",
		exact:   registrationsExact,
		goal:    "0.45 × minimal",
		more:    true,
		measure: registrations(16),
	},
	{
		name:    "registrations, 64 clients, 1/s",
		exact:   registrationsExact,
		goal:    "0.45 × minimal",
		more:    true,
		measure: registrations(64),
	},
	{
		name:    "registrations with 10,000 instances there, 16 clients, 1/s",
		exact:   "the same, after 10,000 others",
		goal:    "500 × Consul",
		more:    true,
		who:     consulOnce,
		measure: registrationsAfter(10_000),
	},
	{
		name:    "deregistrations, 16 clients, 1/s",
		exact:   "of what 16 clients registered in " + ratePeriod.String(),
		goal:    "0.6 × minimal",
		more:    true,
		measure: deregistrations,
	},
	{
		name:    "TTL heartbeats, 16 clients, 1/s",
		exact:   "over " + ratePeriod.String() + ", `PUT /v1/agent/check/pass/:id` of 1,000 checks in turn",
		goal:    "0.6 × minimal",
		more:    true,
		measure: heartbeats,
	},
	{
		name:    "`/v1/health/service/X?passing`, 10 instances, 16 clients, 1/s",
		exact:   readsExact,
		goal:    "0.85 × minimal",
		more:    true,
		measure: reads(tenHealthy),
	},
	{
		name:    "same, 100 instances, 1/s",
		exact:   readsExact,
		goal:    "0.85 × minimal",
		more:    true,
		measure: reads(hundredHealthy),
	},
	{
		name:    "same, 1,000 instances, 1/s",
		exact:   readsExact,
		goal:    "0.85 × minimal",
		more:    true,
		measure: reads(thousandHealthy),
	},
	{
		name:    "`/v1/catalog/services`, 1,000 services, 16 clients, 1/s",
		exact:   readsExact,
		goal:    "0.85 × minimal",
		more:    true,
		measure: reads(thousandNames),
	},
	{
		name:    "`/v1/agent/services`, 2,000 services, 16 clients, 1/s",
		exact:   readsExact,
		goal:    "0.85 × minimal",
		more:    true,
		measure: reads(twoThousandOwn),
	},
	{
		name:    "KV put, 16 clients, 1/s",
		exact:   "over " + ratePeriod.String() + ", 100 bytes, never what was there, 1,000 keys in turn",
		goal:    "0.7 × minimal",
		more:    true,
		measure: keyPuts,
	},
	{
		name:    "KV get, 16 clients, 1/s",
		exact:   "over " + ratePeriod.String() + ", 1,000 keys in turn",
		goal:    "0.85 × minimal",
		more:    true,
		measure: keyGets,
	},
	{
		name:    "KV read and compare-and-set, 16 clients, pairs/s",
		exact:   "over " + ratePeriod.String() + ", each client on a key of its own",
		goal:    "0.7 × minimal",
		more:    true,
		measure: keySwaps,
	},
	{
		name:    "change to one blocked reader, ms",
		exact:   "one service of 50 instances, one of which changes its meta; from sending the change until the reader has the whole answer; median of " + strconv.Itoa(changesOfOne) + " changes",
		goal:    "0.8",
		measure: lastReader(1),
	},
	{
		name:    "change to last of 1,000 blocked readers, ms",
		exact:   "the same, until the last has it; median of " + strconv.Itoa(changesOfMany) + " changes",
		goal:    "1.25 × minimal's time",
		measure: lastReader(1_000),
	},
	{
		name:    "change to last of 5,000 blocked readers, ms",
		exact:   "the same",
		goal:    "1.25 × minimal's time",
		measure: lastReader(5_000),
	},
	{
		name:    "memory with 10,000 blocked readers, MiB",
		exact:   "resident memory, " + rest.String() + " after all of them began to wait for one service of 50 instances",
		goal:    "1.1 × minimal's",
		measure: memoryBlocked(10_000),
	},
	{
		name:    "memory with 10,000 instances, MiB",
		exact:   "resident memory, " + rest.String() + " after 16 clients registered them",
		goal:    "55",
		who:     consulOnce,
		measure: memoryFilled(10_000),
	},
	{
		name:    "memory of one instance among 100,000, KiB",
		exact:   "resident memory, " + rest.String() + " after 16 clients registered them, less that of an empty registry, divided",
		goal:    "4",
		who:     musterAlone,
		measure: memoryOfOne(100_000),
	},
	{
		name:    "growth of one registration, exponent",
		exact:   growthExact,
		goal:    "0",
		who:     musterAlone,
		measure: growth(registrationTime),
	},
	{
		name:    "growth of one health read, exponent",
		exact:   growthExact,
		goal:    "0",
		who:     musterAlone,
		measure: growth(readTime),
	},
}, diskFigures, checkFigures(), dnsFigures())

// Notes that several figures share.
const (
	registrationsExact = "over 2s, each a new instance without checks, 100 services"
	readsExact         = "over 2s, keep-alive, no compression"
	growthExact        = "of the median time of one, asked by one client, over the number of instances there: 1,000, 10,000, 100,000 (slope of the logarithms)"
)

// limit bounds one measurement, so that a registry that hangs ends the run.
const limit = 10 * time.Minute
