package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
)

// ErrUnknown says that the machine cannot tell, and that nothing is wrong for
// it. The error that wraps it says why.
var ErrUnknown = errors.New("unknown")

// unknown returns an ErrUnknown with its reason.
func unknown(why string) error { return fmt.Errorf("%w: %s", ErrUnknown, why) }

// Use is how much of something there is in use. Total is 0 where there is
// nothing of it.
type Use struct{ Used, Total uint64 }

// Memory returns how many bytes of memory are in use that no program could
// have.
func Memory(ctx context.Context) (Use, error) {
	told, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return Use{}, err
	}
	return Use{told.Total - min(told.Available, told.Total), told.Total}, nil
}

// Swap returns how many bytes of swap space are in use.
func Swap(ctx context.Context) (Use, error) {
	told, err := mem.SwapMemoryWithContext(ctx)
	if err != nil {
		return Use{}, err
	}
	return Use{told.Used, told.Total}, nil
}

// Disk returns how many bytes are in use of the file system that a path is on,
// as df does: what only the system may use is not part of the total. It may
// block for as long as the file system does, whatever becomes of ctx.
func Disk(ctx context.Context, path string) (Use, error) {
	told, err := disk.UsageWithContext(ctx, path)
	if err != nil {
		return Use{}, err
	}
	return Use{told.Used, told.Used + told.Free}, nil
}

// Inodes is Disk for inodes: [ErrUnknown] where they are not counted.
func Inodes(ctx context.Context, path string) (Use, error) {
	told, err := disk.UsageWithContext(ctx, path)
	switch {
	case err != nil:
		return Use{}, err
	case told.InodesTotal == 0:
		return Use{}, unknown("the file system does not count inodes")
	default:
		return Use{told.InodesUsed, told.InodesTotal}, nil
	}
}

// Load is how many processes ran or waited to run, on average over the last
// one, five and fifteen minutes, and how many cores there are for them.
type Load struct {
	One, Five, Fifteen float64
	Cores              int
}

// LookLoad returns the load of the machine.
func LookLoad(ctx context.Context) (Load, error) {
	told, err := load.AvgWithContext(ctx)
	if err != nil {
		return Load{}, err
	}
	cores, err := cpu.CountsWithContext(ctx, true)
	if err != nil {
		return Load{}, err
	}
	return Load{told.Load1, told.Load5, told.Load15, max(cores, 1)}, nil
}

// OpenFiles returns how many files are open on the whole machine: [ErrUnknown]
// where the system does not say.
func OpenFiles(context.Context) (Use, error) { return openFiles() }

// OwnFiles returns how many files this process has open, connections among
// them, and how many it may have: [ErrUnknown] where the system does not say.
func OwnFiles(context.Context) (Use, error) { return ownFiles() }

// MostFiles returns how many files this process may have open: [ErrUnknown] where
// the system does not say. Unlike [OwnFiles] it counts none, and is quick.
func MostFiles() (uint64, error) { return mostFiles() }

// ClockError returns by how much the clock may be wrong at most, as the system
// reckons: [ErrUnknown] where nothing sets it by a better one, or the system
// does not say.
func ClockError(context.Context) (time.Duration, error) { return clockError() }
