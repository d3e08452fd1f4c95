package local

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/realjf/muster/agent/mesh"
	"github.com/realjf/muster/agent/state"
)

// storeEntries stores config entries.
func storeEntries(t *testing.T, l *Local, entries ...mesh.Entry) {
	t.Helper()
	err := l.Try(func(w *state.Writer) error {
		for _, entry := range entries {
			if err := mesh.Prepare(entry); err != nil {
				return err
			}
			if err := w.PutConfigEntry(entry); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// protocol is what the agent and the catalog show of the sidecar of web.
func protocol(t *testing.T, l *Local, store *state.Store) (own, catalog any) {
	t.Helper()
	svc, _, known := l.Service(SidecarID("web"))
	if !known {
		t.Fatal("there is no sidecar")
	}
	return svc.Proxy.Config["protocol"], store.Snapshot().Service("n1", SidecarID("web")).Proxy.Config["protocol"]
}

func TestProxiesFollowConfigEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, store, stop := start(t)
		defer stop()
		if err := withSidecar(l, "web", ttl(time.Hour)); err != nil {
			t.Fatal(err)
		}
		register(t, l, "plain", ttl(time.Hour))
		_, changed, _ := l.Service(SidecarID("web"))
		_, plainChanged, _ := l.Service("plain")
		storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "web", Protocol: "http"})
		if own, catalog := protocol(t, l, store); own != "http" || catalog != "http" {
			t.Errorf("the agent has %v and the catalog %v, want http", own, catalog)
		}
		select {
		case <-changed:
		default:
			t.Error("nobody was told that the sidecar changed")
		}
		select {
		case <-plainChanged:
			t.Error("a service that is no proxy is said to have changed")
		default:
		}

		_, changed, _ = l.Service(SidecarID("web"))
		storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "other", Protocol: "grpc"})
		select {
		case <-changed:
			t.Error("what is configured of others changed the sidecar")
		default:
		}

		// One that comes later is set up from the start.
		if err := withSidecar(l, "other", ttl(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if svc, _, _ := l.Service(SidecarID("other")); svc.Proxy.Config["protocol"] != "grpc" {
			t.Errorf("got %v, want grpc", svc.Proxy.Config)
		}

		if err := l.Try(func(w *state.Writer) error {
			w.DeleteConfigEntry(mesh.EntryID{Kind: mesh.ServiceDefaults, Name: "web"})
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if own, catalog := protocol(t, l, store); own != nil || catalog != nil {
			t.Errorf("the agent has %v and the catalog %v, want nothing", own, catalog)
		}
	})
}

// TestProxiesOutOfTheCatalog follows an entry while somebody else has taken
// the sidecar, and then its node, out of the catalog.
func TestProxiesOutOfTheCatalog(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	if err := withSidecar(l, "web", ttl(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"http", "grpc"} {
		if err := store.Write(func(w *state.Writer) error {
			if text == "http" {
				w.DeleteService("n1", SidecarID("web"))
			} else {
				w.DeleteNode("n1")
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "web", Protocol: text})
		if store.Snapshot().Service("n1", SidecarID("web")) != nil {
			t.Error("the sidecar came back before its time")
		}
		if err := l.Restore(); err != nil {
			t.Fatal(err)
		}
		if own, catalog := protocol(t, l, store); own != text || catalog != text {
			t.Errorf("the agent has %v and the catalog %v, want %s", own, catalog, text)
		}
	}
}

func TestProxiesFollowARestore(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	if err := withSidecar(l, "web", ttl(time.Hour)); err != nil {
		t.Fatal(err)
	}
	storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "web", Protocol: "http"})
	var file bytes.Buffer
	if err := store.Snapshot().Save(&file); err != nil {
		t.Fatal(err)
	}
	storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "web", Protocol: "grpc"})
	saved, err := state.Load(&file)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Adopt(saved); err != nil {
		t.Fatal(err)
	}
	if own, catalog := protocol(t, l, store); own != "http" || catalog != "http" {
		t.Errorf("the agent has %v and the catalog %v, want http", own, catalog)
	}
}

func TestProxiesAsRegistered(t *testing.T) {
	l, store, stop := start(t)
	defer stop()
	l.config.ProxiesAsRegistered = true
	storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "web", Protocol: "http"})
	if err := withSidecar(l, "web", ttl(time.Hour)); err != nil {
		t.Fatal(err)
	}
	storeEntries(t, l, &mesh.ServiceConfigEntry{Name: "web", Protocol: "grpc"})
	if own, catalog := protocol(t, l, store); own != nil || catalog != nil {
		t.Errorf("the agent has %v and the catalog %v, want nothing", own, catalog)
	}
}
