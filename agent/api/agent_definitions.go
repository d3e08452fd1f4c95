package api

import (
	"net/http"
	"time"

	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/state"
)

// checkBody is what a check was announced with, as a body of
// /v1/agent/check/register: whoever sends it to an agent has the check there.
type checkBody struct {
	ID        string
	Name      string
	Notes     string       `json:",omitempty"`
	ServiceID string       `json:",omitempty"`
	Status    state.Status `json:",omitempty"`

	HTTP             string              `json:",omitempty"`
	Method           string              `json:",omitempty"`
	Header           map[string][]string `json:",omitempty"`
	Body             string              `json:",omitempty"`
	DisableRedirects bool                `json:",omitempty"`
	TLSServerName    string              `json:",omitempty"`
	TLSSkipVerify    bool                `json:",omitempty"`
	TCP              string              `json:",omitempty"`
	TCPUseTLS        bool                `json:",omitempty"`
	UDP              string              `json:",omitempty"`
	GRPC             string              `json:",omitempty"`
	GRPCUseTLS       bool                `json:",omitempty"`
	H2PING           string              `json:",omitempty"`
	H2PingUseTLS     *bool               `json:",omitempty"` // which is so unless it says no
	Args             []string            `json:",omitempty"`
	OSService        string              `json:",omitempty"`
	AliasNode        string              `json:",omitempty"`
	AliasService     string              `json:",omitempty"`
	Host             string              `json:",omitempty"`

	TTL      state.DurationText `json:",omitempty"`
	Interval state.DurationText `json:",omitempty"`
	Timeout  state.DurationText `json:",omitempty"`

	OutputMaxSize                  int                `json:",omitempty"`
	SuccessBeforePassing           int                `json:",omitempty"`
	FailuresBeforeWarning          int                `json:",omitempty"`
	FailuresBeforeCritical         int                `json:",omitempty"`
	FlapDamping                    state.DurationText `json:",omitempty"`
	DeregisterCriticalServiceAfter state.DurationText `json:",omitempty"`
}

// bodyOf returns what announces a check again.
func bodyOf(c local.Check) checkBody {
	d := c.Definition
	body := checkBody{
		ID: c.ID, Name: c.Name, Notes: c.Notes, ServiceID: c.ServiceID, Status: c.Status,
		HTTP: d.HTTP, Method: d.Method, Header: d.Header, Body: d.Body, DisableRedirects: d.DisableRedirects,
		TLSServerName: d.TLSServerName, TLSSkipVerify: d.TLSSkipVerify,
		TCP: d.TCP, TCPUseTLS: d.TCPUseTLS, UDP: d.UDP, GRPC: d.GRPC, GRPCUseTLS: d.GRPCUseTLS, H2PING: d.H2PING,
		Args: d.ScriptArgs, OSService: d.OSService, AliasNode: d.AliasNode, AliasService: d.AliasService, Host: d.Host,
		TTL: lasting(d.TTL), Interval: lasting(d.Interval), Timeout: lasting(d.Timeout),
		OutputMaxSize: d.OutputMaxSize, SuccessBeforePassing: d.SuccessBeforePassing,
		FailuresBeforeWarning: d.FailuresBeforeWarning, FailuresBeforeCritical: d.FailuresBeforeCritical,
		FlapDamping: lasting(d.FlapDamping), DeregisterCriticalServiceAfter: lasting(c.DeregisterAfter),
	}
	if d.H2PING != "" {
		body.H2PingUseTLS = &d.H2PingUseTLS
	}
	return body
}

func lasting(d time.Duration) state.DurationText { return state.DurationText(d) }

// agentCheckDefinitions maps the ids of this node's checks to what announces
// them again, but for maintenance. It is muster's own: an agent of Consul's
// tells what its checks look at to nobody.
func (a *API) agentCheckDefinitions(*http.Request) (any, error) {
	bodies := map[string]checkBody{}
	for _, c := range a.local.Announced() {
		bodies[c.ID] = bodyOf(c)
	}
	return bodies, nil
}
