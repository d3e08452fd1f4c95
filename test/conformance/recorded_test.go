package conformance

import (
	"context"
	"net/http"
	"testing"

	"github.com/urfave/cli/v3"

	"github.com/realjf/muster/agent"
	"github.com/realjf/muster/agent/agenttest"
	"github.com/realjf/muster/config"
)

// client returns a client that shows answers as they are: redirects are not
// followed, nothing is compressed.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// TestAnswersLikeConsul asks muster everything in the lists and compares with
// what Consul answered.
func TestAnswersLikeConsul(t *testing.T) {
	lists, err := readLists()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lists {
		t.Run(l.name, func(t *testing.T) { compare(t, l) })
	}
}

// settings returns what muster agent makes of its arguments.
func settings(t *testing.T, args ...string) (a config.Agent) {
	t.Helper()
	flags, read := config.AgentFlags()
	command := &cli.Command{Flags: flags, Action: func(context.Context, *cli.Command) (err error) {
		a, err = read()
		return err
	}}
	if err := command.Run(t.Context(), append([]string{"agent", "-dev", "-node", nodeName}, args...)); err != nil {
		t.Fatal(err)
	}
	return a
}

// compare asks a fresh muster the requests of a list.
func compare(t *testing.T, l list) {
	want, err := l.readTranscript()
	if err != nil {
		t.Fatal(err)
	}
	settings := settings(t, l.flags(t)...)
	muster := agenttest.Start(t, func(c *agent.Config) {
		free := *c
		*c = settings.Registry
		c.HTTPAddr, c.DNSAddr, c.MaxConnsPerClient = free.HTTPAddr, free.DNSAddr, 0
	})
	asked := registry{client: client(t), base: "http://" + muster.Addr, dns: muster.DNSAddr, kept: map[string]string{}, targets: startTargets(t, l)}
	agree, meant := 0, 0
	for n, r := range l.requests {
		got, err := asked.ask(r)
		switch {
		case err != nil:
			t.Fatal(err)
		case r.differs != "" && got == want[n]:
			t.Errorf("%s\nmuster answers like Consul; the list says that it differs: %s", r, r.differs)
		case r.differs != "":
			meant++
		case got != want[n]:
			t.Errorf("%s\ngot from muster:\n%s\n\nwant, as from Consul:\n%s", r, got, want[n])
		default:
			agree++
		}
	}
	t.Logf("%d of %d answers agree with Consul 1.19.2, %d differ on purpose", agree, len(l.requests), meant)
}
