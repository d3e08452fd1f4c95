//go:build conformance

package conformance

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/realjf/muster/test/random"
)

// player is a registry that goes through random sequences.
type player struct {
	name   string
	client *http.Client
	base   string

	*random.Names
	last map[string]answer // to each read
}

// answer is an answer in a form in which two registries can be compared.
type answer struct {
	text  string
	body  string // and its status
	index uint64
	fault string // what is wrong with it, whatever the other registry says
}

// begin forgets what was before.
func (p *player) begin(run int) {
	p.Names, p.last = random.NewNames(run, nodeName), map[string]answer{}
}

// ask asks requests one after the other.
func (p *player) ask(requests []random.Request) ([]answer, error) {
	answers := make([]answer, len(requests))
	for n, r := range requests {
		var err error
		if answers[n], err = p.askOne(r); err != nil {
			return nil, fmt.Errorf("%s asks %s: %w", p.name, r, err)
		}
	}
	return answers, nil
}

func (p *player) askOne(r random.Request) (answer, error) {
	status, header, content, err := p.send(r.Method, p.Fill(r.Path), p.Fill(r.Body))
	if err != nil {
		return answer{}, err
	}
	if r.Path == "/v1/session/create" && status == http.StatusOK {
		p.Session(content)
	}
	body := p.Text(string(content))
	if strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		if body, err = p.JSON(r.Path, content); err != nil {
			return answer{}, err
		}
	}
	got := answer{text: normal(status, header, nil) + body, body: fmt.Sprint(status, " ", body)}
	got.index, _ = strconv.ParseUint(header.Get("X-Consul-Index"), 10, 64) // 0 where there is none
	if r.Method == http.MethodGet {
		got.fault = got.after(p.last[r.Path])
		p.last[r.Path] = got
	}
	return got, nil
}

// after returns what is wrong with an answer that follows another, which may
// be none.
func (a answer) after(before answer) string {
	switch {
	case a.index == 0: // an agent's own answers have none
		return ""
	case a.index < before.index:
		return fmt.Sprintf("index fell from %d to %d", before.index, a.index)
	case a.index == before.index && a.body != before.body:
		return fmt.Sprintf("answer changed and its index stayed at %d:\n%s\n\n%s", a.index, before.body, a.body)
	default:
		return ""
	}
}

func (p *player) send(method, path, body string) (status int, header http.Header, content []byte, err error) {
	wire, err := http.NewRequest(method, p.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	response, err := p.client.Do(wire)
	if err != nil {
		return 0, nil, nil, err
	}
	defer response.Body.Close()
	content, err = io.ReadAll(response.Body)
	return response.StatusCode, response.Header, content, err
}

// clear takes back everything that was written.
func (p *player) clear() error {
	gone := []random.Request{{Method: http.MethodDelete, Path: p.Fill("/v1/kv/{run}/?recurse")}}
	for _, area := range []string{"session/list", "catalog/nodes"} {
		_, _, content, err := p.send(http.MethodGet, "/v1/"+area, "")
		if err != nil {
			return err
		}
		var all []struct{ ID, Node string }
		if err := json.Unmarshal(content, &all); err != nil {
			return err
		}
		for _, one := range all {
			if area == "session/list" {
				gone = append(gone, random.Request{Method: http.MethodPut, Path: "/v1/session/destroy/" + one.ID})
			} else if one.Node != nodeName {
				gone = append(gone, random.Request{Method: http.MethodPut, Path: "/v1/catalog/deregister", Body: fmt.Sprintf(`{"Node":%q}`, one.Node)})
			}
		}
	}
	announced, err := p.announced()
	if err != nil {
		return err
	}
	for _, r := range append(gone, announced...) {
		if _, _, _, err := p.send(r.Method, r.Path, r.Body); err != nil {
			return err
		}
	}
	return nil
}

// announced returns the requests that withdraw what the agent announces.
func (p *player) announced() ([]random.Request, error) {
	gone := []random.Request{{Method: http.MethodPut, Path: "/v1/agent/maintenance?enable=false"}}
	for _, kind := range []string{"service", "check"} {
		_, _, content, err := p.send(http.MethodGet, "/v1/agent/"+kind+"s", "")
		if err != nil {
			return nil, err
		}
		var all map[string]any
		if err := json.Unmarshal(content, &all); err != nil {
			return nil, err
		}
		for id := range all {
			gone = append(gone, random.Request{Method: http.MethodPut, Path: "/v1/agent/" + kind + "/deregister/" + id})
		}
	}
	return gone, nil
}
