package command

import (
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/hashicorp/consul/api"
)

// asked says beside the error of a command that asked the registry at address what to
// look at, where it was not the registry that gave it.
func asked(address string, err error) error {
	var network *net.OpError
	var status api.StatusError
	switch {
	case errors.As(err, &network) && network.Op == "dial":
		return fmt.Errorf("%w: no registry answers at %s: start one there, or name another with -http-addr or CONSUL_HTTP_ADDR", err, address)
	case errors.As(err, &status) && status.Code == http.StatusNotFound:
		return fmt.Errorf("%w: what answers at %s may be no registry: name another with -http-addr or CONSUL_HTTP_ADDR", err, address)
	}
	return err
}
