package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/realjf/muster/agent/mesh"
)

// virtual is an address of a range that no network has. Each service of the
// mesh gets one, under which a transparent proxy knows it. One that is free
// names no service, and is the next to be given away.
type virtual struct {
	Number  uint32 // from the begin of the range
	Service string
}

// VirtualTag is the name under which the catalog shows it.
const VirtualTag = "consul-virtual"

// virtualRange is Consul's: what was once reserved for future use.
var virtualRange = netip.MustParsePrefix("240.0.0.0/4")

var errNoVirtual = errors.New("cannot allocate any more unique service virtual IPs")

func (v *virtual) key() string { return fmt.Sprintf("%010d", v.Number) }

func (v *virtual) freeKey() string {
	if v.Service != "" {
		return ""
	}
	return v.key()
}

// address returns the address itself.
func (v *virtual) address() string {
	begin := virtualRange.Addr().As4()
	var bytes [4]byte
	binary.BigEndian.PutUint32(bytes[:], binary.BigEndian.Uint32(begin[:])+v.Number)
	return netip.AddrFrom4(bytes).String()
}

// virtualAddress returns the virtual address of a service, which it keeps until
// the service goes.
func (w *Writer) virtualAddress(service string) (string, error) {
	if has := w.VirtualAddress(service); has != "" {
		return has, nil
	}
	next := virtual{Number: 1}
	if free := w.virtuals.first(virtualsFree); free != nil {
		next.Number = free.Number
	} else if last := w.virtuals.last(); last != nil {
		next.Number = last.Number + 1
	}
	if next.Number >= 1<<(32-virtualRange.Bits())-2 {
		return "", errNoVirtual
	}
	next.Service = service
	w.virtuals.put(&next)
	w.touch(AllConfigEntries) // chains show the address
	return next.address(), nil
}

// VirtualAddress returns the virtual address of a service; empty when it has
// none.
func (s *Snapshot) VirtualAddress(service string) string {
	for _, has := range s.virtuals.by(virtualsOf, folded(service)) {
		return has.address()
	}
	return ""
}

// freeVirtual gives the virtual address of a service back, unless there are
// instances of it or something is configured of it.
func (w *Writer) freeVirtual(service string) {
	if w.services.has(servicesByName, folded(service)) {
		return
	}
	for _, kind := range virtualKinds {
		if w.ConfigEntry(mesh.EntryID{Kind: kind, Name: service}) != nil {
			return
		}
	}
	for _, has := range w.virtuals.by(virtualsOf, folded(service)) {
		w.virtuals.put(&virtual{Number: has.Number})
		w.touch(AllConfigEntries) // chains show the address
	}
}
