package config

import (
	"github.com/hashicorp/consul/api"
	"github.com/urfave/cli/v3"
)

// ClientFlags returns the flags of a command that asks a running registry,
// named like those of consul's, and a function that returns how to reach it
// once the command has parsed them. What they do not say Consul's environment
// variables do. Its error wraps [ErrUsage].
func ClientFlags() ([]cli.Flag, func() (*api.Config, error)) {
	given := &api.Config{}
	text := func(name, variable, usage string, to *string) cli.Flag {
		if variable != "" {
			usage += " [$" + variable + "]"
		}
		return &cli.StringFlag{Name: name, Usage: usage, Destination: to}
	}
	flags := []cli.Flag{
		text("http-addr", api.HTTPAddrEnvName, "`ADDRESS` of the registry: host:port, a URL or unix:///path", &given.Address),
		text("datacenter", "", "`NAME` of the datacenter to ask", &given.Datacenter),
		text("token", api.HTTPTokenEnvName, "access `TOKEN`", &given.Token),
		text("token-file", api.HTTPTokenFileEnvName, "`FILE` with the access token", &given.TokenFile),
		text("ca-file", api.HTTPCAFile, "`FILE` with the certificates of authorities to trust", &given.TLSConfig.CAFile),
		text("ca-path", api.HTTPCAPath, "`FOLDER` with the same", &given.TLSConfig.CAPath),
		text("client-cert", api.HTTPClientCert, "`FILE` with the certificate to show", &given.TLSConfig.CertFile),
		text("client-key", api.HTTPClientKey, "`FILE` with its key", &given.TLSConfig.KeyFile),
		text("tls-server-name", api.HTTPTLSServerName, "`NAME` that the registry's certificate must have", &given.TLSConfig.Address),
	}
	return flags, func() (*api.Config, error) {
		client := api.DefaultConfig()
		for _, setting := range []struct{ given, to *string }{
			{&given.Address, &client.Address},
			{&given.Datacenter, &client.Datacenter},
			{&given.TLSConfig.CAFile, &client.TLSConfig.CAFile},
			{&given.TLSConfig.CAPath, &client.TLSConfig.CAPath},
			{&given.TLSConfig.CertFile, &client.TLSConfig.CertFile},
			{&given.TLSConfig.KeyFile, &client.TLSConfig.KeyFile},
			{&given.TLSConfig.Address, &client.TLSConfig.Address},
		} {
			if *setting.given != "" {
				*setting.to = *setting.given
			}
		}
		if given.Token != "" || given.TokenFile != "" {
			client.Token, client.TokenFile = given.Token, given.TokenFile
		}
		name := "-http-addr"
		if given.Address == "" {
			name = api.HTTPAddrEnvName
		}
		var err error
		client.Address, err = checkAddress(name, client.Address)
		return client, err
	}
}
