package test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"time"
)

// twoFindEachOther: both are in the answer of either, healthy, with what they
// registered.
func twoFindEachOther(s *scene) {
	a := s.serve("-service.tags", "blue", "-service.meta", "zone=north")
	b := s.serve()
	s.sees(5*time.Second, a, a, b)
	s.sees(5*time.Second, b, a, b)

	_, instances, err := discover(s.Context(), http.DefaultClient, b.url(""))
	if err != nil {
		s.Fatal(err)
	}
	id := regexp.MustCompile(`^` + serviceName + `-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	for _, i := range instances {
		if !id.MatchString(i.ID) {
			s.Errorf("the ID %q is not the service's name and a UUID", i.ID)
		}
		if i.Service != serviceName || i.Address != "127.0.0.1" || i.Status != "passing" || i.Datacenter != "dc1" || i.Node == "" {
			s.Errorf("discovered %+v, want a passing instance of %s on 127.0.0.1 in dc1 with its node's name", i, serviceName)
		}
		if i.Port == a.port && (len(i.Tags) != 1 || i.Tags[0] != "blue" || i.Meta["zone"] != "north") {
			s.Errorf("discovered tags %v and meta %v, want blue and zone=north", i.Tags, i.Meta)
		}
	}
	if instances[0].ID == instances[1].ID {
		s.Errorf("two instances share the ID %s", instances[0].ID)
	}
}

// oneIsKilled: kill -9 is seen by its check, and in the end by the registry.
func oneIsKilled(s *scene) {
	a, b := s.serve(), s.serve()
	s.sees(5*time.Second, a, a, b)
	killed := time.Now() // before it is: a check may see it end before we do
	if err := b.End(); err != nil {
		s.Fatal(err)
	}
	s.sees(checkInterval+slack, a, a)

	critical := max(deregisterAfter, s.registry.MinDeregisterAfter)
	limit := critical + s.registry.ReapEvery + checkInterval + slack
	s.eventually(limit-time.Since(killed), "the registry forgets it", func(ctx context.Context) error {
		if _, err := s.entryOf(ctx, b); err == nil {
			return fmt.Errorf("it still has %s", b.Name())
		}
		return nil
	})
	if after := time.Since(killed); after < critical {
		s.Errorf("forgotten %s after its end, before the critical time of %s", after, critical)
	}
	s.sees(slack, a, a)
}

// deregisteredByAnother: what somebody else takes out is back within two
// seconds.
func deregisteredByAnother(s *scene) {
	a, b := s.serve(), s.serve()
	s.sees(5*time.Second, a, a, b)
	s.takenOutComesBack(b)
	s.sees(slack, a, a, b)
}

// takenOutComesBack deregisters a running instance behind its back and waits
// until it is there again, healthy and under the same ID.
func (s *scene) takenOutComesBack(v *service) {
	s.Helper()
	before, err := s.entryOf(s.Context(), v)
	if err != nil {
		s.Fatal(err)
	}
	if err := s.registry.Put(s.Context(), "/v1/agent/service/deregister/"+before.Service.ID, nil); err != nil {
		s.Fatal(err)
	}
	s.eventually(2*time.Second, v.Name()+" is back and healthy", func(ctx context.Context) error {
		after, err := s.entryOf(ctx, v)
		switch {
		case err != nil:
			return err
		case after.Service.CreateIndex == before.Service.CreateIndex:
			return fmt.Errorf("%s is not gone yet", v.Name())
		case after.Service.ID != before.Service.ID:
			return fmt.Errorf("it came back as %s, was %s", after.Service.ID, before.Service.ID)
		case !after.passing():
			return fmt.Errorf("%s is back, but %+v", v.Name(), after.Checks)
		}
		return nil
	})
}

// anyFreePort: -service.port 0 registers the port that it got.
func anyFreePort(s *scene) {
	s.start("any-port", append(s.registryFlags(), "-service.name", "AnyPort", "-service.port", "0", "-check.interval", "1s")...)
	var port int
	s.eventually(startLimit, "the registry has it, healthy", func(ctx context.Context) error {
		entries, err := s.registered(ctx, "AnyPort")
		if err != nil {
			return err
		}
		if len(entries) != 1 || !entries[0].passing() {
			return fmt.Errorf("the registry has %+v", entries)
		}
		port = entries[0].Service.Port
		return nil
	})
	got, err := get(s.Context(), http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d/say-hello", port))
	if err != nil || got.status != http.StatusOK {
		s.Errorf("the registered port %d answers %v, %v", port, got, err)
	}
}
