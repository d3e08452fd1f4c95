//go:build conformance

package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/realjf/muster/test/registry"
)

// electionLimit is how long three servers may be without a leader.
const electionLimit = 20 * time.Second

// Three Consul servers lose their leader to kill -9: no instance disappears,
// registrations heal, and a new instance appears once there is a new leader.
func TestClusterLosesItsLeader(t *testing.T) {
	t.Parallel()
	s := &scene{T: t}
	servers, err := registry.Cluster(consulProgram(t), t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range servers {
		if err := server.Launch(); err != nil {
			t.Fatal(err)
		}
		s.keep(server.Program())
	}
	for _, server := range servers {
		s.eventually(electionLimit, server.Program().Name()+" serves", server.Answers)
	}
	leader := s.leader(servers)
	followers := slices.DeleteFunc(slices.Clone(servers), func(r *registry.Registry) bool { return r == leader })

	s.registry = followers[0]
	a, b := s.serve(), s.serve()
	s.sees(5*time.Second, a, a, b)
	s.sees(5*time.Second, b, a, b)
	watch := s.watch(func(ports []int) error {
		if !slices.Contains(ports, a.port) || !slices.Contains(ports, b.port) {
			return errors.New("an instance disappeared")
		}
		return nil
	}, a, b)

	if err := leader.End(); err != nil {
		t.Fatal(err)
	}
	s.registry = followers[1]
	c := s.launch(s.registryFlags()...)
	s.leader(followers)
	s.ready(c)
	s.sees(5*time.Second, a, a, b, c)
	s.sees(5*time.Second, c, a, b, c)
	watch.end()

	s.registry = followers[0]
	s.takenOutComesBack(b)
	s.sees(slack, a, a, b, c)
}

// leader waits until the servers agree on one of them as the leader.
func (s *scene) leader(servers []*registry.Registry) (leader *registry.Registry) {
	s.Helper()
	s.eventually(electionLimit, "there is a leader", func(ctx context.Context) (err error) {
		leader, err = leaderOf(ctx, servers)
		return err
	})
	return leader
}

// leaderOf asks the servers who leads; all of them must say the same.
func leaderOf(ctx context.Context, servers []*registry.Registry) (*registry.Registry, error) {
	var names []string
	for _, server := range servers {
		status, body, err := server.Get(ctx, "/v1/operator/raft/configuration")
		if err != nil {
			return nil, err
		}
		var raft struct {
			Servers []struct {
				Node   string
				Leader bool
			}
		}
		if err := json.Unmarshal(body, &raft); err != nil || status != http.StatusOK {
			return nil, fmt.Errorf("%s is asked who leads: %d %s", server.Address(), status, body)
		}
		for _, member := range raft.Servers {
			if member.Leader {
				names = append(names, member.Node)
			}
		}
	}
	if len(names) != len(servers) || len(slices.Compact(names)) != 1 {
		return nil, fmt.Errorf("the leaders are %v", names)
	}
	for _, server := range servers {
		if registry.NodeName(server.HTTP) == names[0] {
			return server, nil
		}
	}
	return nil, fmt.Errorf("%s leads, which is none of those asked", names[0])
}
