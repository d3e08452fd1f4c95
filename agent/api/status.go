package api

import (
	"net"
	"net/http"
)

// leaderPort is the port at which a Consul server is known to its peers.
// Nothing listens there: the answers are those of a cluster of one.
const leaderPort = "8300"

func (a *API) leader() string { return net.JoinHostPort(a.local.Node().Address, leaderPort) }

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
