//go:build conformance

package test

import (
	"net"
	"testing"
)

// What accepts connections and says nothing may be a cluster that elects its
// leader, so it is given half a minute: too long for every go test.
func TestNamedRegistryIsSilent(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	(&scene{T: t}).refuses(listener.Addr().String(), "flags")
}
