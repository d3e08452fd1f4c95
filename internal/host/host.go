// Package host tells what the machine is and how much of it is in use: its
// memory, processors, disk and system.
//
// It reads what the system says at the moment it is asked; it keeps nothing,
// watches nothing and judges nothing.
package host

import (
	"context"
	"encoding/json"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// Info is what the machine says of itself, in the shape of Consul's
// /v1/agent/host. What could not be found out is nil, and Errors say why.
type Info struct {
	Memory         *mem.VirtualMemoryStat
	CPU            []cpu.InfoStat
	Host           *host.InfoStat
	Disk           *disk.UsageStat
	CollectionTime int64 // nanoseconds since 1970
	Errors         []Error
}

// Error is why a part of an [Info] could not be found out; it is its text in
// JSON.
type Error struct{ Err error }

// MarshalJSON implements json.Marshaler.
func (e Error) MarshalJSON() ([]byte, error) { return json.Marshal(e.Err.Error()) }

// root is the file system whose use is told.
const root = "/"

// Look returns what the machine says now. It may be called concurrently, and
// may block for as long as the system takes or until ctx ends.
func Look(ctx context.Context) Info {
	info := Info{CollectionTime: time.Now().UnixNano()}
	info.Memory = part(&info, ctx, mem.VirtualMemoryWithContext)
	info.CPU = part(&info, ctx, cpu.InfoWithContext)
	info.Host = part(&info, ctx, host.InfoWithContext)
	info.Disk = part(&info, ctx, func(ctx context.Context) (*disk.UsageStat, error) {
		return disk.UsageWithContext(ctx, root)
	})
	return info
}

// part asks for a part of info and notes there why it was not told.
func part[T any](info *Info, ctx context.Context, ask func(context.Context) (T, error)) T {
	told, err := ask(ctx)
	if err != nil {
		info.Errors = append(info.Errors, Error{err})
	}
	return told
}
