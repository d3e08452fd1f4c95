package balance_test

import (
	"testing"
	"time"

	"github.com/realjf/muster/discover/balance"
	"github.com/realjf/muster/discover/discovertest"
)

func TestPolicies(t *testing.T) {
	policies := map[string]balance.Policy{
		"slow start": balance.SlowStart(time.Minute, balance.RoundRobin()),
		"outlier":    balance.Outlier(balance.OutlierConfig{}, balance.LeastRequest()),
		"zone":       balance.Zone("eu-1", balance.PeakEWMA()),
		"subset":     balance.Subset(balance.SubsetConfig{Size: 50, Caller: 3, Callers: 7}, balance.Random()),
		"all": balance.Subset(balance.SubsetConfig{Size: 50, Caller: 3, Callers: 7}, balance.Outlier(balance.OutlierConfig{},
			balance.SlowStart(time.Minute, balance.Zone("eu-1", balance.ConsistentHash(balance.HashConfig{}))))),
	}
	for _, name := range []string{"round_robin", "random", "least_request", "peak_ewma", "consistent_hash"} {
		policy, err := balance.Named(name)
		if err != nil {
			t.Fatal(err)
		}
		policies[name] = policy
	}
	for name, policy := range policies {
		t.Run(name, func(t *testing.T) { discovertest.TestPolicy(t, policy) })
	}
}

func TestNamedSaysWhichThereAre(t *testing.T) {
	_, err := balance.Named("roundrobin")
	if want := `balancing policy "roundrobin" is not known; there are consistent_hash, least_request, peak_ewma, random, round_robin`; err == nil || err.Error() != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}
