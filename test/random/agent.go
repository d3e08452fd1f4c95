package random

import (
	"net/http"

	"pgregory.net/rapid"
)

// AgentLooks are reads that show everything that the agent's steps can change
// at once; the catalog follows. Of several instances of a name Consul tells now
// the one's state and now the other's, so only names with one are asked for.
var AgentLooks = []string{
	"/v1/agent/services", "/v1/agent/checks", "/v1/agent/service/1", "/v1/agent/service/web",
	"/v1/agent/health/service/id/1", "/v1/agent/health/service/name/db", "/v1/agent/health/service/name/Web?format=text",
}

var (
	someServiceID = rapid.SampledFrom([]string{"1", "1", "2", "web", "db"})
	someCheckID   = rapid.SampledFrom([]string{"c1", "c2", "service:1", "service:web", "service:2", "service:1:2"})
)

// AgentSteps draws up to most requests to an agent about what it announces.
func AgentSteps(most int) *rapid.Generator[[]Request] {
	return rapid.SliceOfN(rapid.Custom(agentStep), 1, most)
}

func agentStep(t *rapid.T) Request {
	return rapid.OneOf(
		rapid.Custom(announceStep), rapid.Custom(announceStep), rapid.Custom(announceCheckStep),
		rapid.Custom(heartbeatStep), rapid.Custom(heartbeatStep), rapid.Custom(withdrawStep), rapid.Custom(maintenanceStep),
	).Draw(t, "step")
}

func announceStep(t *rapid.T) Request {
	service := map[string]any{}
	for name, value := range servicePart(t) {
		if name == "Service" {
			name = "Name"
		}
		service[name] = value
	}
	switch checks := rapid.SliceOfN(rapid.Custom(agentCheck), 0, 2).Draw(t, "checks"); len(checks) {
	case 1:
		service["Check"] = checks[0]
	case 2:
		service["Checks"] = checks
	}
	path := "/v1/agent/service/register"
	if rapid.IntRange(0, 3).Draw(t, "replaces") == 0 {
		path += "?replace-existing-checks"
	}
	return Request{Method: http.MethodPut, Path: path, Body: text(service)}
}

// agentCheck draws what is said of a check that waits to be told.
func agentCheck(t *rapid.T) map[string]any {
	check := map[string]any{"TTL": "1h"}
	if status := someStatus.Draw(t, "status"); status != "" {
		check["Status"] = status
	}
	switch rapid.IntRange(0, 4).Draw(t, "extras") {
	case 0:
		check["CheckID"] = someCheck.Draw(t, "check")
	case 1:
		check["Name"], check["Notes"] = "named", "n"
	case 2:
		check["SuccessBeforePassing"] = 2
	}
	return check
}

func announceCheckStep(t *rapid.T) Request {
	check := agentCheck(t)
	check["Name"] = someCheck.Draw(t, "name")
	delete(check, "CheckID")
	if id := rapid.SampledFrom([]string{"", "1", "web"}).Draw(t, "service"); id != "" {
		check["ServiceID"] = id
	}
	return Request{Method: http.MethodPut, Path: "/v1/agent/check/register", Body: text(check)}
}

func heartbeatStep(t *rapid.T) Request {
	id := someCheckID.Draw(t, "check")
	verb := rapid.SampledFrom([]string{"pass", "warn", "fail", "update"}).Draw(t, "verb")
	if verb == "update" {
		return Request{Method: http.MethodPut, Path: "/v1/agent/check/update/" + id,
			Body: text(map[string]any{"Status": rapid.SampledFrom([]string{"passing", "warning", "critical", "bogus"}).Draw(t, "status"), "Output": "o"})}
	}
	note := rapid.SampledFrom([]string{"", "?note=so", "?note=other"}).Draw(t, "note")
	return Request{Method: http.MethodPut, Path: "/v1/agent/check/" + verb + "/" + id + note}
}

func withdrawStep(t *rapid.T) Request {
	if rapid.Bool().Draw(t, "a check") {
		return Request{Method: http.MethodPut, Path: "/v1/agent/check/deregister/" + someCheckID.Draw(t, "check")}
	}
	return Request{Method: http.MethodPut, Path: "/v1/agent/service/deregister/" + someServiceID.Draw(t, "service")}
}

func maintenanceStep(t *rapid.T) Request {
	query := rapid.SampledFrom([]string{"?enable=true", "?enable=false", "?enable=true&reason=r"}).Draw(t, "enable")
	if rapid.IntRange(0, 2).Draw(t, "node") == 0 {
		return Request{Method: http.MethodPut, Path: "/v1/agent/maintenance" + query}
	}
	return Request{Method: http.MethodPut, Path: "/v1/agent/service/maintenance/" + someServiceID.Draw(t, "service") + query}
}
