package api

import (
	"fmt"
	"net/http"
	"strconv"
)

// agentMaintenance takes the whole node out of service, or puts it back.
func (a *API) agentMaintenance(r *http.Request) (any, error) {
	on, err := enable(r)
	if err != nil {
		return nil, err
	}
	return nil, a.local.SetNodeMaintenance(on, parameters(r).Get("reason"))
}

func (a *API) agentServiceMaintenance(r *http.Request) (any, error) {
	id, err := pathName(r, "id", "Missing service ID")
	if err != nil {
		return nil, err
	}
	on, err := enable(r)
	if err != nil {
		return nil, err
	}
	return nil, a.local.SetMaintenance(id, on, parameters(r).Get("reason"))
}

// enable returns what ?enable= says.
func enable(r *http.Request) (bool, error) {
	text := parameters(r).Get("enable")
	if text == "" {
		return false, badRequest("Missing value for enable")
	}
	on, err := strconv.ParseBool(text)
	if err != nil {
		return false, badRequest(fmt.Sprintf("Invalid value for enable: %q", text))
	}
	return on, nil
}
