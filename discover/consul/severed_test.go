package consul_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// TestAnAbsenceWithoutAnError: when a connection breaks on which a watch waits, it
// is asked again without a word, so that a registry that was killed and started
// again without its data was never away.
func TestAnAbsenceWithoutAnError(t *testing.T) {
	t.Run("shared", func(t *testing.T) { absentWithoutAnError(t, func(*api.Config) {}) })
	t.Run("line", func(t *testing.T) { absentWithoutAnError(t, lined) })
}

// lined lets a registry in memory be asked over lines.
func lined(settings *api.Config) {
	settings.Transport, settings.HttpClient = settings.HttpClient.Transport.(*http.Transport), nil
}

func absentWithoutAnError(t *testing.T, adjust func(*api.Config)) {
	synctest.Test(t, func(t *testing.T) {
		over := make(chan struct{})
		var waits atomic.Bool
		registry := agenttest.Start(t, agenttest.InMemory, func(c *agent.Config) {
			c.Front = func(rooms http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Get("index") != "" && !waits.Swap(true) {
						<-over
						panic(http.ErrAbortHandler)
					}
					rooms.ServeHTTP(w, r)
				})
			}
		})
		if err := registry.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{Name: "web"}); err != nil {
			t.Fatal(err)
		}
		settings := registry.ConfigFor("watch")
		adjust(settings)
		source, err := consul.New(settings, consul.Config{})
		if err != nil {
			t.Fatal(err)
		}
		w := discover.Watch(source, web, discover.WatchConfig{})
		defer w.Close()
		time.Sleep(time.Second)
		if err := registry.Client().Agent().ServiceDeregister("web"); err != nil {
			t.Fatal(err)
		}
		close(over)
		time.Sleep(2 * time.Second)
		if s, _ := w.Snapshot(); len(s.Instances) != 1 || s.State() != discover.Warming {
			t.Errorf("got %d instances, %s; want the one there was, warming", len(s.Instances), s.State())
		}
		time.Sleep(10 * time.Second)
		if s, _ := w.Snapshot(); len(s.Instances) != 0 || s.State() != discover.Empty {
			t.Errorf("later: got %d instances, %s; want none", len(s.Instances), s.State())
		}
	})
}
