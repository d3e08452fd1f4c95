// Package random draws sequences of requests to a registry: writes of a few
// keys, sessions, nodes, services and checks that meet again and again, alone
// and in transactions. It says where to look after each, and knows the names
// of what a registry makes up, so that the same sequence can be asked of
// several registries, and their answers compared.
//
// It refuses to know what the answers should be.
package random

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"pgregory.net/rapid"
)

// Request is one request. In it {name} stands for what a registry made up:
// {s1} for the id of the first session, {at key a} for the index that the key a
// is at, {was key a} for the one before, {run} for the keys' own folder.
type Request struct{ Method, Path, Body string }

// String returns the request as a list of test/conformance has it.
func (r Request) String() string { return strings.TrimSpace(r.Method + " " + r.Path + " " + r.Body) }

// Looks are reads that show everything that the steps can change.
var Looks = []string{
	"/v1/kv/{run}/?recurse", "/v1/kv/{run}/?keys&separator=/", "/v1/kv/{run}/a",
	"/v1/session/list", "/v1/session/node/x",
	"/v1/catalog/nodes", "/v1/catalog/services", "/v1/catalog/service/web", "/v1/catalog/node/x", "/v1/catalog/node-services/y",
	"/v1/health/service/web", "/v1/health/service/db?passing", "/v1/health/checks/web", "/v1/health/node/x",
	"/v1/health/state/critical", "/v1/health/state/any",
}

// The few names that all steps share, so that they meet.
var (
	someKey   = rapid.SampledFrom([]string{"a", "a/b", "a/c", "ab", "b", "A"})
	someValue = rapid.SampledFrom([]string{"", "x", "y"})
	someNode  = rapid.SampledFrom([]string{"x", "x", "y", "y", "X"})
	// An id has always the same name and tags: checks follow these in muster,
	// and keep old ones in Consul.
	someService = rapid.SampledFrom([]map[string]any{
		{"Service": "web"}, {"Service": "web", "ID": "1", "Tags": []string{"v2", "v1"}},
		{"Service": "db"}, {"Service": "Web", "ID": "2", "Tags": []string{"v1"}},
	})
	someCheck   = rapid.SampledFrom([]string{"c1", "c2", "c3"})
	someStatus  = rapid.SampledFrom([]string{"passing", "passing", "warning", "critical", "critical", ""})
	someSession = rapid.SampledFrom([]string{"{s1}", "{s1}", "{s2}", "{s3}"})
	someNodeID  = rapid.SampledFrom(append([]string{"", "", ""}, nodeIDs...))
)

// nodeIDs are the IDs that nodes may be given.
var nodeIDs = []string{"11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"}

// Steps draws up to most writes.
func Steps(most int) *rapid.Generator[[]Request] { return rapid.SliceOfN(rapid.Custom(step), 1, most) }

// step draws one write.
func step(t *rapid.T) Request {
	return rapid.OneOf(
		rapid.Custom(keyStep), rapid.Custom(keyStep),
		rapid.Custom(sessionStep),
		rapid.Custom(registerStep), rapid.Custom(registerStep),
		rapid.Custom(deregisterStep),
		rapid.Custom(txnStep), rapid.Custom(txnStep),
	).Draw(t, "step")
}

func keyStep(t *rapid.T) Request {
	key := someKey.Draw(t, "key")
	index := func() string { return someIndex(t, "key "+key) }
	put := Request{Method: "PUT", Path: "/v1/kv/{run}/" + key, Body: someValue.Draw(t, "value")}
	remove := Request{Method: "DELETE", Path: put.Path}
	switch rapid.SampledFrom([]string{"put", "flags", "cas", "acquire", "acquire", "release", "delete", "delete-cas", "tree"}).Draw(t, "verb") {
	case "flags":
		put.Path += "?flags=42"
	case "cas":
		put.Path += "?cas=" + index()
	case "acquire":
		put.Path += "?acquire=" + someSession.Draw(t, "session")
	case "release":
		put.Path += "?release=" + someSession.Draw(t, "session")
	case "delete":
		return remove
	case "delete-cas":
		remove.Path += "?cas=" + index()
		return remove
	case "tree":
		remove.Path += "?recurse"
		return remove
	}
	return put
}

// someIndex draws an index to compare that of a thing with.
func someIndex(t *rapid.T, thing string) string {
	return rapid.SampledFrom([]string{"{at " + thing + "}", "{at " + thing + "}", "{was " + thing + "}", "0", "1"}).Draw(t, "index")
}

func sessionStep(t *rapid.T) Request {
	switch rapid.SampledFrom([]string{"create", "create", "create", "destroy", "renew"}).Draw(t, "verb") {
	case "destroy":
		return Request{Method: "PUT", Path: "/v1/session/destroy/" + someSession.Draw(t, "session")}
	case "renew":
		return Request{Method: "PUT", Path: "/v1/session/renew/" + someSession.Draw(t, "session")}
	}
	session := map[string]any{
		"LockDelay": rapid.SampledFrom([]string{"0s", "0s", "0s", "30s"}).Draw(t, "delay"),
		"Behavior":  rapid.SampledFrom([]string{"release", "delete"}).Draw(t, "behavior"),
	}
	if rapid.Bool().Draw(t, "elsewhere") {
		session["Node"] = someNode.Draw(t, "node")
		field := rapid.SampledFrom([]string{"Checks", "NodeChecks", "NodeChecks", "ServiceChecks"}).Draw(t, "field")
		switch checks := rapid.SliceOfNDistinct(someCheck, 0, 2, rapid.ID[string]).Draw(t, "checks"); field {
		case "ServiceChecks":
			list := []any{}
			for _, check := range checks {
				list = append(list, map[string]any{"ID": check})
			}
			session[field] = list
		default:
			session[field] = checks
		}
	}
	if rapid.Bool().Draw(t, "ttl") {
		session["TTL"] = "60s"
	}
	return Request{Method: "PUT", Path: "/v1/session/create", Body: text(session)}
}

// nodePart draws what is said of a node.
func nodePart(t *rapid.T, meta string) map[string]any {
	node := map[string]any{
		"Node":    someNode.Draw(t, "node"),
		"Address": rapid.SampledFrom([]string{"10.0.0.1", "10.0.0.1", "10.0.0.2"}).Draw(t, "address"),
	}
	if id := someNodeID.Draw(t, "node id"); id != "" {
		node["ID"] = id
	}
	switch rapid.IntRange(0, 5).Draw(t, "extras") {
	case 0:
		node[meta] = map[string]string{"k": "v"}
	case 1:
		node["TaggedAddresses"] = map[string]string{"lan": "10.0.0.1"}
	}
	return node
}

// servicePart draws what is said of a service.
func servicePart(t *rapid.T) map[string]any {
	service := maps.Clone(someService.Draw(t, "service"))
	switch rapid.IntRange(0, 6).Draw(t, "extras") {
	case 2:
		service["Port"] = 80
	case 3:
		service["Meta"] = map[string]string{"k": "v"}
	case 4:
		service["Weights"] = map[string]int{"Passing": rapid.IntRange(0, 2).Draw(t, "passing"), "Warning": rapid.IntRange(0, 2).Draw(t, "warning")}
	case 5:
		service["Address"] = "10.0.0.9"
	case 6:
		service["EnableTagOverride"] = true
	}
	return service
}

// checkPart draws what is said of a check.
func checkPart(t *rapid.T) map[string]any {
	check := map[string]any{
		rapid.SampledFrom([]string{"CheckID", "CheckID", "CheckID", "Name"}).Draw(t, "named by"): someCheck.Draw(t, "check"),
	}
	if status := someStatus.Draw(t, "status"); status != "" {
		check["Status"] = status
	}
	if id := rapid.SampledFrom([]string{"", "", "1", "2", "web", "db"}).Draw(t, "service id"); id != "" {
		check["ServiceID"] = id
	}
	if rapid.IntRange(0, 3).Draw(t, "extras") == 0 {
		check["Output"] = "so"
	}
	if rapid.IntRange(0, 4).Draw(t, "defined") == 0 {
		check["Definition"] = rapid.SampledFrom([]map[string]any{
			{"HTTP": "http://x", "Interval": "10s"}, {"TCP": "x:1", "Interval": "5s", "Timeout": "1s"}, {},
		}).Draw(t, "definition")
	}
	return check
}

func registerStep(t *rapid.T) Request {
	body := nodePart(t, "NodeMeta")
	if rapid.IntRange(0, 4).Draw(t, "skip") == 0 {
		body["SkipNodeUpdate"] = true
	}
	if rapid.IntRange(0, 3).Draw(t, "serves") > 0 {
		body["Service"] = servicePart(t)
	}
	switch checks := rapid.SliceOfN(rapid.Custom(checkPart), 0, 2).Draw(t, "checks"); len(checks) {
	case 1:
		body["Check"] = checks[0]
	case 2:
		body["Checks"] = checks
	}
	return Request{Method: "PUT", Path: "/v1/catalog/register", Body: text(body)}
}

func deregisterStep(t *rapid.T) Request {
	body := map[string]any{"Node": someNode.Draw(t, "node")}
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0, 1:
		body["ServiceID"] = rapid.SampledFrom([]string{"1", "2", "web", "db"}).Draw(t, "service")
	case 2:
		body["CheckID"] = someCheck.Draw(t, "check")
	}
	return Request{Method: "PUT", Path: "/v1/catalog/deregister", Body: text(body)}
}

func txnStep(t *rapid.T) Request {
	operations := rapid.SliceOfN(rapid.Custom(operation), 1, 4).Draw(t, "operations")
	return Request{Method: "PUT", Path: "/v1/txn", Body: text(operations)}
}

// operation draws one step of a transaction.
func operation(t *rapid.T) map[string]any {
	kind := rapid.SampledFrom([]string{"KV", "KV", "KV", "Node", "Service", "Check"}).Draw(t, "kind")
	if kind == "KV" {
		key := someKey.Draw(t, "key")
		op := map[string]any{
			"Verb": rapid.SampledFrom([]string{
				"set", "cas", "lock", "unlock", "get", "get-or-empty", "get-tree", "check-index", "check-session", "check-not-exists",
				"delete", "delete-tree", "delete-cas",
			}).Draw(t, "verb"),
			"Key": "{run}/" + key,
		}
		switch op["Verb"] {
		case "set":
			op["Value"] = []byte(someValue.Draw(t, "value"))
		case "cas", "delete-cas", "check-index":
			op["Index"] = indexValue(someIndex(t, "key "+key))
		case "lock", "unlock", "check-session":
			op["Session"] = someSession.Draw(t, "session")
		}
		return map[string]any{"KV": op}
	}
	op := map[string]any{"Verb": rapid.SampledFrom([]string{"get", "set", "cas", "delete", "delete-cas"}).Draw(t, "verb")}
	var thing string
	var part map[string]any
	switch kind {
	case "Node":
		part = nodePart(t, "Meta")
		op["Node"], thing = part, fmt.Sprint("node ", part["Node"])
	case "Service":
		part = servicePart(t)
		op["Node"], op["Service"] = someNode.Draw(t, "node"), part
		thing = fmt.Sprint("service ", op["Node"], " ", cmp.Or(part["ID"], part["Service"]))
	case "Check":
		part = checkPart(t)
		part["Node"] = someNode.Draw(t, "node")
		op["Check"], thing = part, fmt.Sprint("check ", part["Node"], " ", cmp.Or(part["CheckID"], part["Name"]))
	}
	if verb := op["Verb"].(string); strings.HasSuffix(verb, "cas") {
		part["ModifyIndex"] = indexValue(someIndex(t, thing))
	}
	return map[string]any{kind: op}
}

// indexValue is an index in a Body: a number, though what stands for one is
// text until it is sent.
type indexValue string

// MarshalJSON implements json.Marshaler. A name in braces is marked, and text
// takes its quotes away.
func (v indexValue) MarshalJSON() ([]byte, error) {
	if strings.HasPrefix(string(v), "{") {
		return json.Marshal("#" + string(v) + "#")
	}
	return []byte(v), nil
}

// text returns a body.
func text(body any) string {
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // there are but maps, lists and words in it
	}
	return strings.NewReplacer(`"#`, "", `#"`, "").Replace(string(encoded))
}
