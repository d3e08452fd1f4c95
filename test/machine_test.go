package test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/test/registry"
)

// TestPressureOnTheMachineTakesItsServicesOut tells how a machine that is not
// well gets no traffic, and gets it again: by the limit of its memory, and by
// files that it really has open.
func TestPressureOnTheMachineTakesItsServicesOut(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "machine.hcl")
	const files = 100
	// limit is the share of the memory below which the machine is well.
	limit := func(share string) {
		t.Helper()
		text := fmt.Sprintf(`service { name = %q port = 80 }
			checks = [{ host = "memory<%s" interval = "1s" }, { host = "agent-files<%d" interval = "1s" }]`, serviceName, share, files)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	limit("100%")
	kind := registry.Agent(muster)
	plain := kind.Args
	kind.Args = func(ports registry.Ports) ([]string, error) {
		args, err := plain(ports)
		return append(args, "-config-file", file, "-check", "load15<1000000"), err
	}
	s := newScene(t, kind)
	client, err := consul.NewClient(&consul.Config{Address: s.registry.Address()})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.PreparedQuery().Create(&consul.PreparedQueryDefinition{
		Name: "well", Service: consul.ServiceQuery{Service: serviceName, OnlyPassing: true},
	}, nil); err != nil {
		t.Fatal(err)
	}
	healthy := func(want int, why string) {
		t.Helper()
		s.eventually(10*slack, fmt.Sprintf("%d healthy instances, for %s", want, why), func(ctx context.Context) error {
			options := (&consul.QueryOptions{}).WithContext(ctx)
			found, _, err := client.Health().Service(serviceName, "", true, options)
			if err != nil {
				return err
			}
			queried, _, err := client.PreparedQuery().Execute("well", options)
			if err != nil {
				return err
			}
			checks, err := client.Agent().ChecksWithFilterOpts(`Type == "host"`, options)
			if err == nil && len(checks) != 3 {
				err = fmt.Errorf("the checks of the machine are %v, want three", checks)
			}
			if len(found) != want || len(queried.Nodes) != want {
				err = fmt.Errorf("there are %d in the list, %d for the query, and the machine's checks say", len(found), len(queried.Nodes))
				for id, check := range checks {
					err = fmt.Errorf("%w %s: %s %q;", err, id, check.Status, check.Output)
				}
			}
			for id, check := range checks {
				if check.Status == consul.HealthCritical && !strings.Contains(check.Output, why) {
					err = fmt.Errorf("%s says %q, not %q", id, check.Output, why)
				}
			}
			return err
		})
	}
	healthy(1, "all is well")

	limit("0.001%")
	if err := s.registry.Program().Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	healthy(0, "limit 0.001 %")
	limit("100%")
	if err := client.Agent().Reload(); err != nil {
		t.Fatal(err)
	}
	healthy(1, "memory is within its limit")

	var open []net.Conn
	closeAll := func() {
		for _, conn := range open {
			_ = conn.Close()
		}
	}
	defer closeAll()
	for range files {
		conn, err := net.Dial("tcp", s.registry.Address())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		// One over which nothing is asked is closed after ten seconds, and to open
		// them all takes as long where the machine is busy.
		if _, err := fmt.Fprintf(conn, "HEAD /v1/status/leader HTTP/1.1\r\nHost: registry\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s: %d connections are open", time.Now().UTC().Format(time.RFC3339Nano), len(open))
	healthy(0, fmt.Sprintf("limit %d", files))
	closeAll()
	healthy(1, "the files are closed")
}
