package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// place says where in a cluster the things are that a route is about. Here is
// only the one place of Consul's community edition, and whoever names another
// is refused, where Consul's looks at the name.
type place uint8

const (
	inNamespace place = iota // services, keys, sessions: most
	inPartition              // nodes: namespaces say nothing of them
	anywhere                 // the cluster as a whole
)

// check refuses a request whose parameters or headers name another place.
func (p place) check(r *http.Request) error {
	query := parameters(r)
	for _, part := range []struct {
		of                         place
		parameter, header, feature string
	}{
		{inNamespace, "ns", "X-Consul-Namespace", "Namespaces"},
		{inPartition, "partition", "X-Consul-Partition", "Partitions"},
	} {
		switch {
		case p > part.of:
		case r.Header.Get(part.header) != "":
			return enterprise("header", part.header, part.feature)
		case query.Get(part.parameter) != "":
			return enterprise("query parameter", part.parameter, part.feature)
		}
	}
	return nil
}

func enterprise(where, name, feature string) error {
	return badRequest(fmt.Sprintf("Invalid %s: %q - %s are a Consul Enterprise feature", where, name, feature))
}

// enterpriseField says more of a field that is unknown because it names another
// namespace. It takes the error of decode.
func enterpriseField(err error) error {
	if strings.HasSuffix(err.Error(), `unknown field "Namespace"`) {
		return badRequest(err.Error() + " - Namespaces are a Consul Enterprise feature")
	}
	return err
}

// checkPlace refuses a question about a datacenter that is not this one.
func (a *API) checkPlace(query url.Values) error {
	for _, name := range []string{"datacenter", "dc"} {
		if query.Get(name) != "" {
			return a.checkDatacenter(query.Get(name))
		}
	}
	return nil
}

// checkDatacenter refuses a datacenter that is another than this.
func (a *API) checkDatacenter(name string) error {
	if name != "" && name != a.local.Node().Datacenter {
		return errNoDatacenter
	}
	return nil
}

var errNoDatacenter = &failure{http.StatusInternalServerError, "No path to datacenter"}
