package balance_test

import (
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/balance"
)

func TestDialable(t *testing.T) {
	s := discover.Snapshot{
		Instances: []discover.Instance{{ID: "a"}, {ID: "b", Port: 80}},
		Unhealthy: []discover.Instance{{ID: "c", Status: discover.Critical}},
	}
	got := balance.Dialable(s)
	if len(got.Instances) != 1 || got.Instances[0].ID != "b" {
		t.Errorf("got %+v, want the one with a port", got.Instances)
	}
	if len(got.Unhealthy) != 2 || got.Unhealthy[0].ID != "a" || got.Unhealthy[0].Reason == "" {
		t.Errorf("out are %+v, want the one without a port first, and why", got.Unhealthy)
	}
	if len(s.Instances) != 2 || s.Instances[0].ID != "a" || s.Instances[0].Reason != "" || len(s.Unhealthy) != 1 {
		t.Errorf("the snapshot was changed: %+v", s)
	}
}
