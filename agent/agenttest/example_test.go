package agenttest_test

import (
	"fmt"
	"net/http"
	"os"
	"time"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// program is a test to the registry of an example, or of a program that is none;
// in a test, *testing.T is.
type program struct{ ends []func() }

func (p *program) Helper()          {}
func (p *program) Cleanup(f func()) { p.ends = append(p.ends, f) }
func (p *program) Errorf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
func (p *program) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (p *program) end() {
	for _, f := range p.ends {
		f()
	}
}

// healthy says how many instances of web a client sees.
func healthy(client *consul.Client) string {
	entries, _, err := client.Health().Service("web", "", true, nil)
	if err != nil {
		return "an error"
	}
	return fmt.Sprint(len(entries), " instances")
}

func Example() {
	t := &program{}
	defer t.end()

	registry := agenttest.Start(t)
	client := registry.Client()
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web", Port: 8080}); err != nil {
		panic(err)
	}
	fmt.Println(healthy(client))
	// Output: 1 instances
}

func ExampleAgent_Fail() {
	t := &program{}
	defer t.end()

	registry := agenttest.Start(t)
	client := registry.Client()
	for _, fault := range []agenttest.Fault{
		agenttest.Down, agenttest.Empty, agenttest.Status(http.StatusInternalServerError), agenttest.Busy(http.StatusTooManyRequests, time.Second),
	} {
		heal := registry.Fail(fault)
		fmt.Print(healthy(client), ", healed: ")
		heal()
		_, err := client.Status().Leader()
		fmt.Println(err)
	}
	// Output:
	// an error, healed: <nil>
	// 0 instances, healed: <nil>
	// an error, healed: <nil>
	// an error, healed: <nil>
}

func ExampleAgent_Partition() {
	t := &program{}
	defer t.end()

	registry := agenttest.Start(t)
	near, far := registry.ClientFor("near"), &http.Client{Timeout: 50 * time.Millisecond}
	defer far.CloseIdleConnections()
	ask := func() error {
		response, err := far.Get("http://" + registry.AddrFor("far") + "/v1/status/leader")
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	heal := registry.Partition("far")
	fmt.Println("near:", healthy(near), "- far is cut off:", ask() != nil)
	heal()
	// Output: near: 0 instances - far is cut off: true
}

func ExampleAgent_Restart() {
	t := &program{}
	defer t.end()

	registry := agenttest.Start(t) // with a DataDir it would keep its data
	client := registry.Client()
	if err := client.Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web"}); err != nil {
		panic(err)
	}
	fmt.Println(healthy(client))
	registry.Kill()
	fmt.Println(healthy(client))
	registry.Restart()
	fmt.Println(healthy(client))
	// Output:
	// 1 instances
	// an error
	// 0 instances
}
