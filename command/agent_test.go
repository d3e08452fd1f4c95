package command

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/realjf/muster/agent"
)

func TestAnnouncedAddressesCanBeCalled(t *testing.T) {
	for address, want := range map[string]string{
		"[::]:8500":                "127.0.0.1:8500",
		"0.0.0.0:8500":             "127.0.0.1:8500",
		"10.0.0.5:8500":            "10.0.0.5:8500",
		"[::1]:8500":               "[::1]:8500",
		"what is no address stays": "what is no address stays",
	} {
		if got := here(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestADoorThatIsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	for address, want := range map[string]string{"unix://" + path: "path for the socket", port.Addr().String(): "-http-port"} {
		config := agent.DevConfig()
		config.HTTPAddr, config.DNSAddr = address, ""
		_, err := agent.New(config)
		if got := otherDoor(err); !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(got, want) {
			t.Errorf("%s: %v: got %q, want %q", address, err, got, want)
		}
	}
}
