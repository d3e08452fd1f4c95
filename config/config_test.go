package config_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v3"
	"go.uber.org/goleak"

	"github.com/realjf/muster/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parse returns what muster serve makes of args in an environment that has
// nothing but env.
func parse(t *testing.T, env map[string]string, args ...string) (cfg config.Serve, err error) {
	t.Helper()
	for _, name := range []string{"CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN", "CONSUL_HTTP_TOKEN_FILE", "CONSUL_HTTP_SSL", "CONSUL_HTTP_SSL_VERIFY", "CONSUL_NAMESPACE"} {
		t.Setenv(name, "") // Consul's client takes an empty one for an unset one
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	flags, read := config.ServeFlags()
	cmd := &cli.Command{
		Name: "serve", Flags: flags, Writer: io.Discard, ErrWriter: io.Discard,
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		Action: func(_ context.Context, cmd *cli.Command) (err error) {
			cfg, err = read(cmd)
			return err
		},
	}
	err = cmd.Run(t.Context(), append([]string{"serve"}, args...))
	return cfg, err
}

func mustParse(t *testing.T, env map[string]string, args ...string) config.Serve {
	t.Helper()
	cfg, err := parse(t, env, args...)
	if err != nil {
		t.Fatalf("serve %q: %v", args, err)
	}
	return cfg
}

func TestDefaults(t *testing.T) {
	got := mustParse(t, nil)
	if s := got.Service; s.Name != "SayHello" || s.Host != "" || s.Port != 12000 || len(s.Tags) != 0 || len(s.Meta) != 0 {
		t.Errorf("service: got %+v", s)
	}
	if want := (config.Check{Interval: 15 * time.Second, DeregisterAfter: 30 * time.Second}); got.Check != want {
		t.Errorf("check: got %+v, want %+v", got.Check, want)
	}
	if want := (config.Registry{Mode: config.Auto, Address: "127.0.0.1:8500"}); got.Registry != want {
		t.Errorf("registry: got %+v, want %+v", got.Registry, want)
	}
	if want := (config.Log{Level: slog.LevelInfo, Format: config.Logfmt}); got.Log != want {
		t.Errorf("log: got %+v, want %+v", got.Log, want)
	}
}

func TestFlagsWinOverEnvironment(t *testing.T) {
	env := map[string]string{
		"MUSTER_SERVICE_NAME": "env", "MUSTER_SERVICE_PORT": "1", "MUSTER_SERVICE_TAGS": "a,b",
		"MUSTER_SERVICE_META": "k=env", "MUSTER_CHECK_INTERVAL": "5s", "MUSTER_LOG_LEVEL": "warn",
	}
	got := mustParse(t, env)
	if got.Service.Name != "env" || got.Service.Port != 1 || !slices.Equal(got.Service.Tags, []string{"a", "b"}) ||
		!maps.Equal(got.Service.Meta, map[string]string{"k": "env"}) || got.Check.Interval != 5*time.Second || got.Log.Level != slog.LevelWarn {
		t.Errorf("environment: got %+v", got)
	}
	// One dash and two, with a space and with "=".
	got = mustParse(t, env, "-service.name", "flag", "--service.port=2", "-service.tags", "c", "--service.tags", "d",
		"-service.meta=k=flag", "--check.interval", "7s", "-log.level=debug", "-log.format", "json")
	if got.Service.Name != "flag" || got.Service.Port != 2 || !slices.Equal(got.Service.Tags, []string{"c", "d"}) ||
		!maps.Equal(got.Service.Meta, map[string]string{"k": "flag"}) || got.Check.Interval != 7*time.Second ||
		got.Log != (config.Log{Level: slog.LevelDebug, Format: config.JSON}) {
		t.Errorf("flags: got %+v", got)
	}
}

func TestTagsAndMetaMayHoldCommas(t *testing.T) {
	got := mustParse(t, map[string]string{"MUSTER_SERVICE_META": `"k=a,b",l=c`}, "-service.tags", `"a,b",c`, "-service.tags", "d")
	if want := []string{"a,b", "c", "d"}; !slices.Equal(got.Service.Tags, want) {
		t.Errorf("got the tags %q, want %q", got.Service.Tags, want)
	}
	if want := map[string]string{"k": "a,b", "l": "c"}; !maps.Equal(got.Service.Meta, want) {
		t.Errorf("got the meta %q, want %q", got.Service.Meta, want)
	}
}

func TestRegistryAddress(t *testing.T) {
	tests := []struct {
		name     string
		env      map[string]string
		args     []string
		address  string
		hostPort string // "" is none
		named    bool
		tls      bool
	}{
		{"nothing said", nil, nil, "127.0.0.1:8500", "127.0.0.1:8500", false, false},
		{"host", nil, []string{"-consul.host", "consul.example"}, "consul.example:8500", "consul.example:8500", true, false},
		{"port", nil, []string{"-consul.port", "8600"}, "127.0.0.1:8600", "127.0.0.1:8600", true, false},
		{"the default, but said", nil, []string{"-consul.port", "8500"}, "127.0.0.1:8500", "127.0.0.1:8500", true, false},
		{"IPv6", nil, []string{"-consul.host", "::1"}, "[::1]:8500", "[::1]:8500", true, false},
		{"IPv6 in brackets", nil, []string{"-consul.host", "[::1]"}, "[::1]:8500", "[::1]:8500", true, false},
		{"IPv6 with a zone", nil, []string{"-consul.host", "fe80::1%eth0"}, "[fe80::1%eth0]:8500", "[fe80::1%eth0]:8500", true, false},
		{"muster's environment", map[string]string{"MUSTER_CONSUL_HOST": "a"}, nil, "a:8500", "a:8500", true, false},
		{"muster's environment, empty", map[string]string{"MUSTER_CONSUL_HOST": "", "MUSTER_CONSUL_PORT": ""}, nil, "127.0.0.1:8500", "127.0.0.1:8500", false, false},
		{"consul's environment", map[string]string{"CONSUL_HTTP_ADDR": "b:1"}, nil, "b:1", "b:1", true, false},
		{"a flag over consul's environment", map[string]string{"CONSUL_HTTP_ADDR": "b:1"}, []string{"-consul.host", "c"}, "c:8500", "c:8500", true, false},
		{"muster's environment over consul's", map[string]string{"CONSUL_HTTP_ADDR": "b:1", "MUSTER_CONSUL_HOST": "a"}, nil, "a:8500", "a:8500", true, false},
		{"a URL", map[string]string{"CONSUL_HTTP_ADDR": "https://b:8501/prefix"}, nil, "https://b:8501/prefix", "b:8501", true, true},
		{"a URL that ends with a slash", map[string]string{"CONSUL_HTTP_ADDR": "http://b:8500/"}, nil, "http://b:8500", "b:8500", true, false},
		{"an address that ends with a slash", map[string]string{"CONSUL_HTTP_ADDR": "b:8500/"}, nil, "b:8500", "b:8500", true, false},
		{"a URL without a port", map[string]string{"CONSUL_HTTP_ADDR": "https://[::1]"}, nil, "https://[::1]", "[::1]:443", true, true},
		{"a host without a port", map[string]string{"CONSUL_HTTP_ADDR": "b"}, nil, "b", "b:80", true, false},
		{"a socket", map[string]string{"CONSUL_HTTP_ADDR": "unix:///run/consul.sock"}, nil, "unix:///run/consul.sock", "", true, false},
		{"TLS", map[string]string{"CONSUL_HTTP_SSL": "true"}, nil, "127.0.0.1:8500", "127.0.0.1:8500", true, true},
		{"embedded on a free port", nil, []string{"-registry", "embedded", "-consul.port", "0"}, "127.0.0.1:0", "127.0.0.1:0", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := mustParse(t, test.env, test.args...).Registry
			if got.Address != test.address || got.Named != test.named || got.TLS != test.tls {
				t.Errorf("got %+v, want %s, named %t, TLS %t", got, test.address, test.named, test.tls)
			}
			if hostPort, ok := got.HostPort(); hostPort != test.hostPort || ok != (test.hostPort != "") {
				t.Errorf("host and port: got %q, %t, want %q", hostPort, ok, test.hostPort)
			}
		})
	}
}

func TestClientHonoursConsulsEnvironment(t *testing.T) {
	env := map[string]string{
		"CONSUL_HTTP_TOKEN": "env-token", "CONSUL_HTTP_TOKEN_FILE": "/token/file",
		"CONSUL_HTTP_SSL": "true", "CONSUL_CACERT": "/ca.pem", "CONSUL_NAMESPACE": "team",
	}
	client := mustParse(t, env).Registry.Client()
	if client.Token != "env-token" || client.TokenFile != "/token/file" || client.Scheme != "https" ||
		client.TLSConfig.CAFile != "/ca.pem" || client.Namespace != "team" {
		t.Errorf("environment: got %+v", client)
	}
	client = mustParse(t, env, "-consul.token", "flag-token", "-consul.datacenter", "dc2", "-consul.host", "x").Registry.Client()
	if client.Token != "flag-token" || client.TokenFile != "" || client.Datacenter != "dc2" || client.Address != "x:8500" {
		t.Errorf("flags: got %+v", client)
	}
}

func TestWrongSettingsAreExplained(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		args []string
		says []string // parts of the error
	}{
		{"name", nil, []string{"-service.name="}, []string{"service.name", "empty"}},
		{"name with control characters", nil, []string{"-service.name", "a\nb"}, []string{"service.name", "control"}},
		{"host with port", nil, []string{"-service.host", "localhost:80"}, []string{"service.host", "-service.port"}},
		{"registry host with port", nil, []string{"-consul.host", "10.0.0.1:8500"}, []string{"consul.host", "-consul.port"}},
		{"registry URL", nil, []string{"-consul.host", "http://x"}, []string{"consul.host", "not a URL"}},
		{"brackets around a name", nil, []string{"-consul.host", "[x]"}, []string{"consul.host", "IPv6"}},
		{"host with a space", nil, []string{"-consul.host", "a b"}, []string{"consul.host", "want a host name"}},
		{"port too large", nil, []string{"-service.port", "65536"}, []string{"service.port", "0 to 65535"}},
		{"port negative", nil, []string{"-service.port=-1"}, []string{"service.port", "0 to 65535"}},
		{"port no number", nil, []string{"-service.port", "http"}, []string{"service.port", "http"}},
		{"port in the environment", map[string]string{"MUSTER_SERVICE_PORT": "x"}, nil, []string{"MUSTER_SERVICE_PORT", "service.port"}},
		{"registry port 0", nil, []string{"-consul.port", "0"}, []string{"consul.port", "1 to 65535"}},
		{"interval", nil, []string{"-check.interval", "10ms"}, []string{"check.interval", "at least 1s"}},
		{"interval no time", nil, []string{"-check.interval", "15"}, []string{"check.interval", "15"}},
		{"deregister-after", nil, []string{"-check.deregister-after=-1s"}, []string{"check.deregister-after", "0 for never"}},
		{"level", nil, []string{"-log.level", "loud"}, []string{"log.level", "debug, info, warn or error"}},
		{"format", nil, []string{"-log.format", "xml"}, []string{"log.format", "logfmt or json"}},
		{"registry", nil, []string{"-registry", "etcd"}, []string{"registry", "auto or embedded or consul"}},
		{"meta without value", nil, []string{"-service.meta", "k"}, []string{"service.meta", `"k"`}},
		{"embedded with TLS", map[string]string{"CONSUL_HTTP_SSL": "1"}, []string{"-registry", "embedded"}, []string{"embedded", "plain HTTP"}},
		{"embedded on a socket", map[string]string{"CONSUL_HTTP_ADDR": "unix:///x"}, []string{"-registry", "embedded"}, []string{"embedded", "CONSUL_HTTP_ADDR"}},
		{"consul's SSL", map[string]string{"CONSUL_HTTP_SSL": "maybe"}, nil, []string{"CONSUL_HTTP_SSL", "true or false"}},
		{"consul's address", map[string]string{"CONSUL_HTTP_ADDR": "ftp://x"}, nil, []string{"CONSUL_HTTP_ADDR", "unix"}},
		{"consul's address, no host", map[string]string{"CONSUL_HTTP_ADDR": "http://"}, nil, []string{"CONSUL_HTTP_ADDR", "host is missing"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(t, test.env, test.args...)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want it to say %q", err, part)
				}
			}
		})
	}
	if _, err := parse(t, nil, "-log.level", "loud"); !errors.Is(err, config.ErrUsage) {
		t.Errorf("got %v, want an ErrUsage", err)
	}
}

func TestTokenIsNotShownInHelp(t *testing.T) {
	t.Setenv("MUSTER_CONSUL_TOKEN", "very-secret")
	var help strings.Builder
	flags, _ := config.ServeFlags()
	cmd := &cli.Command{Name: "serve", Flags: flags, Writer: &help}
	if err := cmd.Run(t.Context(), []string{"serve", "--help"}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(help.String(), "very-secret") || !strings.Contains(help.String(), "consul.token") {
		t.Errorf("got %s", help.String())
	}
}
