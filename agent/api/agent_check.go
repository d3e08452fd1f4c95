package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/realjf/muster/agent/check"
	"github.com/realjf/muster/agent/local"
	"github.com/realjf/muster/agent/state"
)

// probeRequest is what every check in a body may say, in both spellings that
// Consul takes.
type probeRequest struct {
	Name   string
	Status string
	Notes  string

	HTTP             string
	Method           string
	Header           map[string][]string
	Body             string
	DisableRedirects bool
	TLSServerName    string
	TLSSkipVerify    bool
	TTL              duration
	Interval         duration
	Timeout          duration
	OutputMaxSize    int

	SuccessBeforePassing           int
	FailuresBeforeWarning          int
	FailuresBeforeCritical         int
	FlapDamping                    duration // muster's own
	DeregisterCriticalServiceAfter duration

	TLSServerNameSnake                  string   `json:"tls_server_name"`
	TLSSkipVerifySnake                  bool     `json:"tls_skip_verify"`
	DeregisterCriticalServiceAfterSnake duration `json:"deregister_critical_service_after"`

	ScriptArgs      []string
	Args            []string `json:"args"`
	ScriptArgsSnake []string `json:"script_args"`

	TCP            string
	TCPUseTLS      bool
	TCPUseTLSSnake bool   `json:"tcp_use_tls"`
	Host           string // muster's own
	UDP            string

	GRPC            string
	GRPCUseTLS      bool
	GRPCUseTLSSnake bool `json:"grpc_use_tls"`

	H2PING            string
	H2PingUseTLS      *bool // unless one of them says no
	H2PingUseTLSSnake *bool `json:"h2ping_use_tls"`

	OSService    string
	AliasNode    string
	AliasService string

	DockerContainerID      string
	DockerContainerIDSnake string `json:"docker_container_id"`
	Shell                  string
}

// serviceCheckRequest is a check inside the body that registers a service.
type serviceCheckRequest struct {
	CheckID string
	probeRequest

	// Taken, and without effect.
	ServiceID      string
	ServiceIDSnake string `json:"service_id"`
	ProxyHTTP      string
	ProxyGRPC      string
}

// checkRequest is the body of /v1/agent/check/register.
type checkRequest struct {
	ID             string
	ServiceID      string
	ServiceIDSnake string `json:"service_id"`
	Token          string
	probeRequest
	DisableRedirectsSnake bool `json:"disable_redirects"` // with Consul a service's check knows it in one spelling alone
}

// agentCheckRegister announces a check of this node or of one of its services.
func (a *API) agentCheckRegister(r *http.Request) (any, error) {
	var request checkRequest
	if err := decode(r, &request); err != nil {
		return nil, err
	}
	request.nameHost()
	if request.Name == "" {
		return nil, badRequest("Missing check name")
	}
	check, err := request.definition()
	if err != nil {
		return nil, err
	}
	if _, _, known := a.local.Service(check.ServiceID); check.ServiceID != "" && !known {
		return nil, local.NoSuchService(check.ServiceID)
	}
	if err := a.mayRun(check); err != nil {
		return nil, err
	}
	check.Token = Token(r) // as in Consul, the one of the body is for files
	return nil, a.local.RegisterCheck(check)
}

// mayRun returns why some of the checks may not come from elsewhere, or nil.
func (a *API) mayRun(checks ...local.Check) error {
	if !a.settings.Load().RemoteScripts && slices.ContainsFunc(checks, local.Check.RunsScript) {
		return errRemoteScript
	}
	return nil
}

// ReadCheck returns what a body of /v1/agent/check/register announces when the
// configuration has it, which may say whether scripts are run. There an id is
// enough.
func ReadCheck(body []byte, scripts bool) (local.Check, error) {
	var request checkRequest
	if err := decodeBytes(body, &request); err != nil {
		return local.Check{}, err
	}
	request.nameHost()
	if request.Name == "" && request.ID == "" {
		return local.Check{}, badRequest("Missing check name")
	}
	check, err := request.definition()
	if err == nil && !scripts && check.RunsScript() {
		err = errLocalScript
	}
	return check, err
}

var (
	errRemoteScript = &failure{http.StatusInternalServerError, "Scripts are disabled on this agent from remote calls; to enable, configure 'enable_script_checks' to true"}
	//lint:ignore ST1005 users of Consul know the text
	errLocalScript = errors.New("Scripts are disabled on this agent; to enable, configure 'enable_script_checks' or 'enable_local_script_checks' to true")
)

// nameHost names a check of the machine after what it looks at, so that two
// agents call it alike, and one with another limit takes its place.
func (c *checkRequest) nameHost() {
	if c.Host == "" || c.Name != "" {
		return
	}
	subject, bound := check.Definition{Host: c.Host}.HostSubject()
	c.ID, c.Name = cmp.Or(c.ID, "host:"+subject), cmp.Or(bound, c.Host)
}

// definition returns the check to be announced, or why it cannot be.
func (c *checkRequest) definition() (local.Check, error) {
	if c.ID == "" {
		c.ID = c.Name
	}
	if c.ServiceID == "" {
		c.ServiceID = c.ServiceIDSnake
	}
	c.DisableRedirects = c.DisableRedirects || c.DisableRedirectsSnake
	if c.Status != "" && !state.Status(c.Status).Valid() {
		return local.Check{}, badRequest("Bad check status")
	}
	check, err := c.check(c.ID, "")
	if err != nil {
		return check, err
	}
	// Consul shows the times of such a check even where there are none.
	check.ServiceID, check.Token = c.ServiceID, c.Token
	check.Interval, check.Timeout = check.Definition.Interval.String(), time.Duration(c.Timeout).String()
	return check, nil
}

// definition returns the check to be announced, or why it cannot be; place
// says whose it is, see [serviceRequest.checks].
func (c *serviceCheckRequest) definition(place string) (local.Check, error) {
	if c.Status != "" && !state.Status(c.Status).Valid() {
		return local.Check{}, badRequest("Status for checks must 'passing', 'warning', 'critical'")
	}
	return c.check(c.CheckID, place)
}

// check returns the check to be announced under id, or why it cannot be.
func (p *probeRequest) check(id, place string) (local.Check, error) {
	definition := check.Definition{
		HTTP: p.HTTP, Method: p.Method, Header: p.Header, Body: p.Body, DisableRedirects: p.DisableRedirects,
		TLSServerName: cmp.Or(p.TLSServerName, p.TLSServerNameSnake), TLSSkipVerify: p.TLSSkipVerify || p.TLSSkipVerifySnake,
		TCP: p.TCP, TCPUseTLS: p.TCPUseTLS || p.TCPUseTLSSnake, UDP: p.UDP,
		GRPC: p.GRPC, GRPCUseTLS: p.GRPCUseTLS || p.GRPCUseTLSSnake,
		H2PING: p.H2PING, H2PingUseTLS: !saysNo(p.H2PingUseTLS) && !saysNo(p.H2PingUseTLSSnake),
		OSService: p.OSService, AliasNode: p.AliasNode, AliasService: p.AliasService, Host: p.Host,
		ScriptArgs: firstGiven(p.ScriptArgs, p.Args, p.ScriptArgsSnake),
		TTL:        time.Duration(p.TTL), Interval: time.Duration(p.Interval), Timeout: time.Duration(p.Timeout),
		OutputMaxSize: p.OutputMaxSize, SuccessBeforePassing: p.SuccessBeforePassing,
		FailuresBeforeWarning: p.FailuresBeforeWarning, FailuresBeforeCritical: p.FailuresBeforeCritical,
		FlapDamping: time.Duration(p.FlapDamping),
	}
	if p.Host != "" && p.Interval == 0 && p.TTL == 0 {
		definition.Interval = check.DefaultHostInterval
	}
	c := local.Check{
		ID: id, Name: p.Name, Notes: p.Notes, Status: state.Status(p.Status), Definition: definition,
		DeregisterAfter: time.Duration(max(p.DeregisterCriticalServiceAfter, p.DeregisterCriticalServiceAfterSnake)),
	}
	if p.Host != "" && p.Status == "" {
		c.Status = state.Passing // or all that is on the machine would be out until the first look
	}
	if definition.Interval > 0 {
		c.Interval = definition.Interval.String()
	}
	if definition.Timeout > 0 {
		c.Timeout = definition.Timeout.String()
	}
	if !state.Printable(id) || !state.Printable(p.Name) {
		return c, badRequest("Invalid check name or ID: it holds characters that cannot be printed")
	}
	if err := definition.Validate(); err != nil {
		return c, badRequest("Invalid check" + place + ": " + err.Error())
	}
	if len(definition.ScriptArgs) > 0 && p.DockerContainerID+p.DockerContainerIDSnake != "" {
		return c, &failure{http.StatusNotImplemented, "muster does not look into containers: run the check in the container, or use a Consul agent"}
	}
	return c, nil
}

// saysNo reports whether a choice was made, against.
func saysNo(choice *bool) bool { return choice != nil && !*choice }

// firstGiven returns the first list that has something in it.
func firstGiven(lists ...[]string) []string {
	for _, list := range lists {
		if len(list) > 0 {
			return list
		}
	}
	return nil
}

func (a *API) agentCheckDeregister(r *http.Request) (any, error) {
	return nil, a.local.DeregisterCheck(r.PathValue("id"))
}

func (a *API) agentCheckPass(r *http.Request) (any, error) { return a.beat(r, state.Passing) }
func (a *API) agentCheckWarn(r *http.Request) (any, error) { return a.beat(r, state.Warning) }
func (a *API) agentCheckFail(r *http.Request) (any, error) { return a.beat(r, state.Critical) }

// beat takes the report on a TTL check that the path makes.
func (a *API) beat(r *http.Request, status state.Status) (any, error) {
	return nil, a.local.UpdateTTL(r.PathValue("id"), status, parameters(r).Get("note"))
}

// agentCheckUpdate takes the report on a TTL check that the body makes.
func (a *API) agentCheckUpdate(r *http.Request) (any, error) {
	var update struct {
		Status string
		Output string
	}
	if err := decode(r, &update); err != nil {
		return nil, err
	}
	status := state.Status(update.Status)
	if !status.Valid() {
		return nil, badRequest(fmt.Sprintf("Invalid check status: '%s'", update.Status))
	}
	return nil, a.local.UpdateTTL(r.PathValue("id"), status, update.Output)
}

// agentCheckHistory tells how one of this node's checks came to be as it is. It
// is muster's own.
func (a *API) agentCheckHistory(r *http.Request) (any, error) {
	return a.local.History(r.PathValue("id"))
}

// agentChecks maps the ids of this node's checks to how they fare now.
func (a *API) agentChecks(r *http.Request) (any, error) {
	query := parameters(r)
	return own(func() (any, <-chan struct{}, error) {
		checks, changed := a.local.Checks()
		byID := make(map[string]state.Check, len(checks))
		for _, check := range checks {
			byID[check.CheckID] = *check
		}
		kept, err := filtered(query.Get("filter"), byID)
		if err != nil && !notParsed.MatchString(err.Error()) { // shorter here than everywhere else, as in Consul
			_, text, _ := strings.Cut(err.Error(), "evaluator: ")
			err = &failure{status(err), text}
		}
		return kept, changed, err
	}), nil
}

// notParsed matches the error of a filter that is no expression at all: it names
// a place in it.
var notParsed = regexp.MustCompile(`evaluator: \d+:\d+ \(\d+\): `)
