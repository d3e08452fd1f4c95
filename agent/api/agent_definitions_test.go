package api

import (
	"encoding/json"
	"net/http"
	"testing"
)

// TestCheckDefinitionsAnnounceAgain: what is told of every kind of check makes
// the same check on another agent, word for word.
func TestCheckDefinitionsAnnounceAgain(t *testing.T) {
	d, again := open(t, Config{}), open(t, Config{})
	for _, door := range []door{d, again} {
		if got := door.put("/v1/agent/service/register", `{"Name":"web","Port":80}`); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	bodies := []string{
		`{"ID":"http","Name":"h","Notes":"n","ServiceID":"web","HTTP":"http://127.0.0.1:1/","Method":"POST","Header":{"A":["b","c"]},"Body":"x","DisableRedirects":true,
		  "TLSServerName":"s","TLSSkipVerify":true,"Interval":"1h","Timeout":"2s","OutputMaxSize":7,"SuccessBeforePassing":2,"FailuresBeforeWarning":3,
		  "FailuresBeforeCritical":4,"FlapDamping":"5m","DeregisterCriticalServiceAfter":"30m","Status":"warning"}`,
		`{"Name":"tcp","TCP":"127.0.0.1:1","TCPUseTLS":true,"Interval":"1h"}`,
		`{"Name":"udp","UDP":"127.0.0.1:1","Interval":"1h"}`,
		`{"Name":"grpc","GRPC":"127.0.0.1:1/s","GRPCUseTLS":true,"Interval":"1h"}`,
		`{"Name":"h2","H2PING":"127.0.0.1:1","Interval":"1h"}`,
		`{"Name":"h2-plain","H2PING":"127.0.0.1:1","H2PingUseTLS":false,"Interval":"1h"}`,
		`{"Name":"unit","OSService":"none.service","Interval":"1h"}`,
		`{"Name":"alias","AliasService":"web"}`,
		`{"Name":"alias-node","AliasNode":"other"}`,
		`{"Host":"memory<90%"}`,
		`{"Name":"beat","TTL":"30s"}`,
	}
	for _, body := range bodies {
		if got := d.put("/v1/agent/check/register", body); got.status != http.StatusOK {
			t.Fatalf("%s: %v", body, got)
		}
	}
	if got := d.put("/v1/agent/maintenance?enable=true", ""); got.status != http.StatusOK {
		t.Fatal(got)
	}

	told := d.get("/v1/agent/check/definitions").body
	var definitions map[string]map[string]any
	if err := json.Unmarshal([]byte(told), &definitions); err != nil {
		t.Fatal(err)
	}
	if len(definitions) != len(bodies) {
		t.Errorf("%d checks are told of, want %d: maintenance looks at nothing", len(definitions), len(bodies))
	}
	for _, definition := range definitions {
		body, err := json.Marshal(definition)
		if err != nil {
			t.Fatal(err)
		}
		if got := again.put("/v1/agent/check/register", string(body)); got.status != http.StatusOK {
			t.Errorf("%s: %v", body, got)
		}
	}
	if got := again.get("/v1/agent/check/definitions").body; got != told {
		t.Errorf("announced again it is\n%s\nwant\n%s", got, told)
	}
}
