package config

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/realjf/muster/internal/keyfile"
)

// FuzzAddresses: whatever addresses a file gives, with templates in them, they
// are refused at their place, or are IP addresses and sockets which, given
// again, are the same; and where to listen is made of nothing else.
func FuzzAddresses(f *testing.F) {
	for _, seed := range []string{
		"127.0.0.1", "::1 [::1]", "unix:///run/x.sock 10.0.0.1", `{{ GetPrivateIP }}`, `{{ "::1" }}`, "{{", `{{ GetAllInterfaces | include "type" "IPv4" | join "address" " " }}`,
		"fe80::1%eth0", "localhost", "0x7f.1", "unix://", " ", "127.1", `{{ printf "%d" 1 }}`, "::ffff:1.2.3.4",
	} {
		f.Add(seed, 8500)
	}
	f.Fuzz(func(t *testing.T, given string, port int) {
		if len(given) > 1<<10 || port < -1 || port > 65535 {
			t.Skip()
		}
		read := func(text string) (*settler, []string) {
			s := &settler{faulty: map[string]bool{}, root: &keyfile.Node{Value: keyfile.Object{
				{Key: "client_addr", Node: &keyfile.Node{Value: text, Place: keyfile.Place{File: "f.hcl", Line: 1}}},
			}}}
			return s, s.expand("client_addr")
		}
		s, all := read(given)
		for _, fault := range s.faults {
			if !strings.HasPrefix(fault.Error(), "f.hcl:1: client_addr: ") {
				t.Errorf("%q: the fault does not say where: %v", given, fault)
			}
		}
		for _, one := range all {
			if _, err := netip.ParseAddr(one); err != nil && !isSocket(one) {
				t.Errorf("%q has %q: %v", given, one, err)
			}
		}
		if strings.Contains(strings.Join(all, " "), "{{") {
			return // a socket may have such a name
		}
		if _, again := read(strings.Join(all, " ")); !slices.Equal(again, all) {
			t.Errorf("%q has %q, and that has %q", given, all, again)
		}
		for door := range strings.FieldsSeq(s.doors("addresses.http", all, port)) {
			if _, _, err := net.SplitHostPort(door); err != nil && !isSocket(door) {
				t.Errorf("%q would listen on %q: %v", given, door, err)
			}
		}
	})
}
