//go:build conformance

package test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	library "github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/consul"
	"github.com/realjf/muster/test/registry"
)

// management is the token that may do everything on a guarded Consul.
const management = "8f1b5a3e-0c51-4c1c-9a5e-3d1f4a2b6c70"

// guarded is a real Consul that lets nobody do what no token says.
func guarded(t *testing.T) registry.Kind {
	kind := registry.Consul(consulProgram(t))
	open := kind.Args
	kind.Args = func(ports registry.Ports) ([]string, error) {
		args, err := open(ports)
		return append(args, "-hcl", fmt.Sprintf(`acl {
			enabled = true
			default_policy = "deny"
			tokens { initial_management = %q, agent = %[1]q }
		}`, management)), err
	}
	return kind
}

// keyring makes the tokens of a guarded Consul.
type keyring struct {
	*scene
	*api.Client
}

// newKeyring starts a guarded Consul.
func newKeyring(t *testing.T) keyring {
	r, err := registry.New(guarded(t))
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{T: t, registry: r}
	if err := r.Launch(); err != nil {
		t.Fatal(err)
	}
	s.keep(r.Program())
	client, err := api.NewClient(&api.Config{Address: r.Address(), Token: management})
	if err != nil {
		t.Fatal(err)
	}
	s.eventually(electionLimit, "Consul knows its own node", func(context.Context) error {
		nodes, _, err := client.Catalog().Nodes(nil)
		if err == nil && len(nodes) == 0 {
			err = errors.New("it knows none")
		}
		return err
	})
	return keyring{s, client}
}

// token returns one with the rules.
func (k keyring) token(rules string) string {
	k.Helper()
	policy, _, err := k.ACL().PolicyCreate(&api.ACLPolicy{Name: fmt.Sprint("p", time.Now().UnixNano()), Rules: rules}, nil)
	if err != nil {
		k.Fatal(err)
	}
	token, _, err := k.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: policy.ID}}}, nil)
	if err != nil {
		k.Fatal(err)
	}
	return token.SecretID
}

// as returns the library's registry for who has a token.
func (k keyring) as(token string) *consul.Client {
	k.Helper()
	return k.with(consul.Config{Token: func() (string, error) { return token, nil }})
}

func (k keyring) with(cfg consul.Config) *consul.Client {
	k.Helper()
	client, err := consul.New(&api.Config{Address: k.registry.Address()}, cfg)
	if err != nil {
		k.Fatal(err)
	}
	return client
}

// finds returns what a watch of a service is told first.
func (k keyring) finds(client *consul.Client, service string) (library.Snapshot, error) {
	watch := library.Watch(client, library.Query{Service: service}, library.WatchConfig{})
	defer watch.Close()
	ctx, cancel := context.WithTimeout(k.Context(), startLimit)
	defer cancel()
	return watch.First(ctx)
}

// TestRights: what docs/operations.md says of a Consul with ACLs.
func TestRights(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	const readNodes = `node_prefix "" { policy = "read" }` + "\n"
	nobody := k.with(consul.Config{})
	writer := k.as(k.token(readNodes + `service "web" { policy = "write" }`))
	reader := k.as(k.token(readNodes + `service "web" { policy = "read" }`))
	blind := k.as(k.token(`service "web" { policy = "read" }`))

	run := func(id string, client *consul.Client) (leave func() error) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		registrar := announce.NewRegistrar(client, announce.Registration{ID: id, Service: "web"}, announce.RegistrarConfig{})
		ended := make(chan error, 1)
		go func() { // ends with the context, and leave waits
			ended <- announce.Run(ctx, registrar, &http.Server{}, listener, announce.RunConfig{})
		}()
		k.eventually(startLimit, id+" is announced", func(context.Context) error {
			if standing := registrar.Standing(); standing != announce.Registered {
				return fmt.Errorf("it is %s", standing)
			}
			return nil
		})
		return func() error { stop(); return <-ended }
	}

	if s, err := k.finds(reader, "web"); err != nil || s.State() != library.Empty {
		t.Errorf("who may read, before there is one: got %s, %v", s.State(), err)
	}
	leave := run("web-1", writer)
	if s, err := k.finds(reader, "web"); err != nil || len(s.Instances) != 1 {
		t.Errorf("who may read: got %v, %v", s.Instances, err)
	}
	for who, client := range map[string]*consul.Client{"who has no token": nobody, "who may not read nodes": blind, "who has a token that there is not": k.as("none")} {
		if s, err := k.finds(client, "web"); !errors.Is(err, library.ErrRefused) {
			t.Errorf("%s: got %v, %v, want ErrRefused", who, s.Instances, err)
		}
	}
	err := writer.Register(t.Context(), announce.Registration{ID: "other-1", Service: "other", Check: announce.HealthCheck{Unchecked: true}})
	if !errors.Is(err, library.ErrRefused) {
		t.Errorf("another's name: got error %v, want ErrRefused", err)
	}
	if err := leave(); err != nil {
		t.Errorf("leaving: %v", err)
	}
	if s, err := k.finds(reader, "web"); err != nil || s.Known() != 0 {
		t.Errorf("after it has left: got %v, %v", s.Instances, err)
	}

	// The agent itself may not take out what it was told to.
	leave = run("web-2", writer)
	if _, err := k.Agent().UpdateAgentACLToken(k.token(readNodes), nil); err != nil {
		t.Fatal(err)
	}
	if err := leave(); err == nil || !strings.Contains(err.Error(), "node:write") {
		t.Errorf("leaving an agent without rights: got error %v, want what it needs", err)
	}
	if _, err := k.Agent().UpdateAgentACLToken(management, nil); err != nil {
		t.Fatal(err)
	}
	k.eventually(startLimit, "the agent takes it out by itself", func(context.Context) error {
		s, err := k.finds(reader, "web")
		if err == nil && s.Known() != 0 {
			err = errors.New("it is there")
		}
		return err
	})
}

// TestTokenIsRenewed: a new token is used as soon as it is in its file, by a watch
// and by what is announced, and nothing restarts.
func TestTokenIsRenewed(t *testing.T) {
	t.Parallel()
	k := newKeyring(t)
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("none")
	client := k.with(consul.Config{Token: consul.TokenFile(path)})
	watch := library.Watch(client, library.Query{Service: "web"}, library.WatchConfig{})
	defer watch.Close()
	if s, err := watch.First(t.Context()); !errors.Is(err, library.ErrRefused) {
		t.Fatalf("with a token that there is not: got %v, %v", s, err)
	}
	const rules = `node_prefix "" { policy = "read" }` + "\n" + `service "web" { policy = "write" }`
	first := k.token(rules)
	write(first)
	registrar := announce.NewRegistrar(client, announce.Registration{ID: "web-1", Service: "web", Port: 80}, announce.RegistrarConfig{})
	if err := registrar.AnnounceWithin(t.Context(), startLimit); err != nil {
		t.Fatal(err)
	}
	healthy := func(want int) func(context.Context) error {
		return func(context.Context) error {
			if s, _ := watch.Snapshot(); s.Err != nil || len(s.Instances) != want {
				return fmt.Errorf("%d instances, %v", len(s.Instances), s.Err)
			}
			return nil
		}
	}
	k.eventually(startLimit, "the watch shows it", healthy(1))

	write(k.token(rules))
	tokens, _, err := k.ACL().TokenList(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range tokens {
		if token.SecretID == first {
			if _, err := k.ACL().TokenDelete(token.AccessorID, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := registrar.Withdraw(t.Context()); err != nil {
		t.Errorf("withdraw with the new token: %v", err)
	}
	k.eventually(startLimit, "the watch shows that it is gone", healthy(0))
}
