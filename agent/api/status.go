package api

import (
	"net"
	"net/http"
	"strconv"
)

// leader is where a Consul server is known to its peers. Nothing listens there:
// the answers are those of a cluster of one.
func (a *API) leader() string {
	return net.JoinHostPort(a.local.Node().Address, strconv.Itoa(a.config.ServerPort))
}

func (a *API) statusLeader(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	return a.leader(), nil
}

func (a *API) statusPeers(r *http.Request) (any, error) {
	if _, err := a.readOptions(r); err != nil {
		return nil, err
	}
	return []string{a.leader()}, nil
}
