package agent_test

import (
	"errors"
	"testing"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// TestRenewalKeepsASessionAndEndsIt: RenewPeriodic returns when it is told to,
// and then destroys its session, with the locks that it held.
func TestRenewalKeepsASessionAndEndsIt(t *testing.T) {
	client := agenttest.Start(t).Client()
	session, _, err := client.Session().Create(&consul.SessionEntry{TTL: "10s", Behavior: consul.SessionBehaviorDelete}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if held, _, err := client.KV().Acquire(&consul.KVPair{Key: "held", Session: session}, nil); err != nil || !held {
		t.Fatalf("acquire: %t, %v", held, err)
	}
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- client.Session().RenewPeriodic("10s", session, nil, done) }() // ends with done; awaited below
	if renewed, _, err := client.Session().Renew(session, nil); err != nil || renewed == nil || renewed.TTL != "10s" {
		t.Fatalf("renew: %+v, %v", renewed, err)
	}
	close(done)
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the renewal ended: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the renewal does not end")
	}
	if info, _, err := client.Session().Info(session, nil); err != nil || info != nil {
		t.Errorf("after the renewal there is %+v, %v; want no session", info, err)
	}
	if pair, _, err := client.KV().Get("held", nil); err != nil || pair != nil {
		t.Errorf("the key is %+v, %v; want it gone with its session", pair, err)
	}
}

// TestRenewalHearsThatItsSessionIsGone: whoever renews a session that somebody
// destroyed is told that it is gone, and a lock that it held is lost.
func TestRenewalHearsThatItsSessionIsGone(t *testing.T) {
	client := agenttest.Start(t).Client()
	session, err := undelayed(client, "mine")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := client.LockOpts(&consul.LockOptions{Key: "mine", Session: session})
	if err != nil {
		t.Fatal(err)
	}
	lost, err := lock.Lock(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Session().Destroy(session, nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-lost:
	case <-time.After(patience):
		t.Fatal("the lock is not lost with its session")
	}
	// "1ms" renews at once; the session itself has another TTL.
	if err := client.Session().RenewPeriodic("1ms", session, nil, make(chan struct{})); !errors.Is(err, consul.ErrSessionExpired) {
		t.Errorf("renewing what is gone: got %v, want %v", err, consul.ErrSessionExpired)
	}
	if err := lock.Unlock(); err != nil && !errors.Is(err, consul.ErrLockNotHeld) {
		t.Errorf("unlock: %v", err)
	}
}
