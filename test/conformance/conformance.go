// Package conformance holds muster's registry against a real Consul: the same
// requests in the same order, over HTTP and over DNS, and what both answer.
// testdata/requests has lists of requests, each for a fresh registry, which a
// file NAME.hcl beside a list configures, and testdata/consul-1.19.2 a
// transcript of what Consul answered to each.
//
// Every test run compares muster with the transcripts. Under the build tag
// conformance the transcripts themselves are compared with a running Consul,
// and -record writes them anew; -run TranscriptIs/NAME takes one list alone.
package conformance

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// list is what is asked of one fresh registry.
type list struct {
	name     string // of its files
	requests []request
}

// The files of a list. The configuration is in many cases not there.
func (l list) requestsFile() string   { return filepath.Join("testdata/requests", l.name+".txt") }
func (l list) configFile() string     { return filepath.Join("testdata/requests", l.name+".hcl") }
func (l list) transcriptFile() string { return filepath.Join("testdata/consul-1.19.2", l.name+".txt") }

// readLists reads every list there is.
func readLists() ([]list, error) {
	files, err := filepath.Glob(list{name: "*"}.requestsFile())
	if err != nil {
		return nil, err
	}
	var lists []list
	for _, file := range files {
		l := list{name: strings.TrimSuffix(filepath.Base(file), ".txt")}
		if l.requests, err = readRequests(file); err != nil {
			return nil, err
		}
		lists = append(lists, l)
	}
	return lists, nil
}

// nodeName is what every registry that is asked calls its node.
const nodeName = "n1"

// request is one line of the list.
type request struct {
	line    int
	method  string
	path    string
	body    string
	differs string // why muster's answer is meant to differ; mostly empty
	times   int    // how often it is asked, with {n} counting from 1, and {nnn} from 001
	until   string // what the answer says at last: it is asked again till then
	keep    string // the name under which a field of the answer is kept
	field   string // that field
	header  http.Header
}

// overDNS is the method of a request that is a question of the DNS.
const overDNS = "DIG"

func (r request) String() string {
	text := strings.TrimSpace(r.method + " " + r.path + " " + r.body)
	if r.times > 1 {
		text = fmt.Sprintf("%d × %s", r.times, text)
	}
	for _, name := range slices.Sorted(maps.Keys(r.header)) {
		text += fmt.Sprintf(" > %s: %s", name, r.header.Get(name))
	}
	return text
}

// readRequests reads the requests of a file.
func readRequests(file string) ([]request, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var requests []request
	next := request{times: 1, header: http.Header{}}
	for n, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "! "):
			next.differs = line[2:]
			continue
		case strings.HasPrefix(line, "@ "):
			if _, err := fmt.Sscanf(line, "@ %s %s", &next.keep, &next.field); err != nil {
				return nil, fmt.Errorf("%s:%d: want @ NAME FIELD, got %q", file, n+1, line)
			}
			continue
		case strings.HasPrefix(line, "? "):
			next.until = line[2:]
			continue
		case strings.HasPrefix(line, "* "):
			if _, err := fmt.Sscanf(line, "* %d", &next.times); err != nil {
				return nil, fmt.Errorf("%s:%d: want * TIMES, got %q", file, n+1, line)
			}
			continue
		case strings.HasPrefix(line, "> "):
			name, value, ok := strings.Cut(line[2:], ": ")
			if !ok {
				return nil, fmt.Errorf("%s:%d: want > NAME: VALUE, got %q", file, n+1, line)
			}
			next.header.Set(name, value)
			continue
		}
		fields := strings.SplitN(line, " ", 3)
		if len(fields) < 2 {
			return nil, fmt.Errorf("%s:%d: want METHOD PATH [BODY], got %q", file, n+1, line)
		}
		next.line, next.method, next.path = n+1, fields[0], fields[1]
		if len(fields) == 3 {
			next.body = fields[2]
		}
		requests, next = append(requests, next), request{times: 1, header: http.Header{}}
	}
	return requests, nil
}

// registry is a registry that is asked, and what was kept of its answers.
type registry struct {
	client *http.Client
	base   string
	dns    string // host:port
	kept   map[string]string

	// targets are what its checks may look at, by name: {name} stands for it in
	// requests and in answers.
	targets map[string]string
}

// ask sends a request, as often as it says, and returns the answer in the form
// of the transcript. {name} in the request stands for what was kept of an
// earlier answer.
func (g *registry) ask(r request) (answer string, err error) {
	for n := range r.times {
		g.kept["n"], g.kept["nnn"] = strconv.Itoa(n+1), fmt.Sprintf("%03d", n+1)
		next, err := g.askUntil(r)
		if err != nil {
			return "", fmt.Errorf("%s, in line %d: %w", r, r.line, err)
		}
		if n > 0 && next != answer {
			return "", fmt.Errorf("%s: of %d answers the first is\n%s\n\nand another\n%s", r, r.times, answer, next)
		}
		answer = next
	}
	return answer, nil
}

// patience is how long an answer may take to say what it must at last: a
// check of Consul's begins after a random part of its interval, a second.
const patience = 30 * time.Second

// askUntil asks until the answer says what it must, or patience is at an end.
func (g *registry) askUntil(r request) (answer string, err error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		answer, err = g.askOnce(r)
		if err != nil || strings.Contains(answer, r.until) || time.Now().After(deadline) {
			return answer, err
		}
	}
}

func (g *registry) askOnce(r request) (string, error) {
	path, text := fill(fill(r.path, g.kept), g.targets), fill(fill(r.body, g.kept), g.targets)
	if r.method == overDNS {
		q, err := parseQuestion(path + " " + text)
		if err != nil {
			return "", err
		}
		answer, err := q.ask(g.dns)
		return string(neutral([]byte(answer))), err
	}
	var body io.Reader
	if text != "" {
		body = strings.NewReader(text)
	}
	wire, err := http.NewRequest(r.method, g.base+path, body)
	if err != nil {
		return "", err
	}
	wire.Header = r.header.Clone()
	response, err := g.client.Do(wire)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	content, err := readBody(response)
	if err != nil {
		return "", err
	}
	if r.keep != "" {
		field := regexp.MustCompile(`"` + r.field + `": ?"?([^",}\s]+)`).FindSubmatch(content)
		if field == nil {
			return "", fmt.Errorf("no field %s to keep in %s", r.field, content)
		}
		g.kept[r.keep] = string(field[1])
	}
	return normal(response.StatusCode, response.Header, []byte(unfill(string(content), g.targets))), nil
}

// unfill is the reverse of fill.
func unfill(text string, values map[string]string) string {
	longest := func(a, b string) int { return len(values[b]) - len(values[a]) } // one may begin with another
	for _, name := range slices.SortedFunc(maps.Keys(values), longest) {
		text = strings.ReplaceAll(text, values[name], "{"+name+"}")
	}
	return text
}

// fill puts values in the place of their names in braces.
func fill(text string, values map[string]string) string {
	for name, value := range values {
		text = strings.ReplaceAll(text, "{"+name+"}", value)
	}
	return text
}

// readBody returns what an answer says, whether it came compressed or not: how
// well is not compared.
func readBody(response *http.Response) ([]byte, error) {
	body := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unzipped
	}
	return io.ReadAll(body)
}

// seen are the headers that clients look at.
var seen = []string{
	"Age", "Allow", "Cache-Control", "Content-Encoding", "Content-Security-Policy", "Content-Type", "Location", "Retry-After", "Vary", "X-Cache", "X-Content-Type-Options",
	"X-Consul-Contenthash", "X-Consul-Default-Acl-Policy", "X-Consul-Effective-Consistency", "X-Consul-Index",
	"X-Consul-Knownleader", "X-Consul-Lastcontact", "X-Consul-Query-Backend", "X-Consul-Reason",
}

// volatile are the parts of a body that differ between any two registries:
// indexes that are set, ids that are made up, times, and ports that were free.
var volatile = []struct {
	pattern *regexp.Regexp
	becomes string
}{
	{regexp.MustCompile(`"((?:Create|Modify|Last|)Index|LastTerm)": ?[1-9][0-9]*`), `"${1}": INDEX`},
	{regexp.MustCompile(`"StableSince": ?"[^"]*"`), `"StableSince": "TIME"`},
	{regexp.MustCompile(`"Address": ?"127\.0\.0\.1:[0-9]+"`), `"Address": "SERVER"`},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), `UUID`},
	// How a decoder in Go calls its own types.
	{regexp.MustCompile(`(cannot unmarshal \w+(?: [-.\d]+)? into Go )(?:struct field (?:[\w.]*\.)?(\w+)|value) of type .*`), `${1}${2} of type TYPE`},
	{regexp.MustCompile(`modify index [0-9]+`), `modify index INDEX`},
	// Which virtual address a service gets depends on when others gave theirs back.
	{regexp.MustCompile(`\b240\.0\.0\.[0-9]+\b`), `VIRTUAL`},
	// From which port a check asked.
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+(-\\u003e)`), `127.0.0.1:PORT${1}`},
	// Whether a check of a port has been made yet; nobody listens there.
	{regexp.MustCompile(`"Output": ?"dial tcp [^"]*"`), `"Output": ""`},
	{regexp.MustCompile(`^(\[\s*)?"127\.0\.0\.1:[0-9]+"`), `${1}"SERVER"`},
}

// normal writes an answer without what differs between any two registries. The
// index of an answer becomes the word INDEX, or stays when it is 0, which no
// answer may have.
func normal(status int, header http.Header, body []byte) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%d %s\n", status, http.StatusText(status))
	for _, name := range seen {
		value := header.Get(name)
		if name == "X-Consul-Index" {
			if index, err := strconv.ParseUint(value, 10, 64); err == nil && index > 0 {
				value = "INDEX"
			}
		}
		if value != "" {
			fmt.Fprintf(&out, "%s: %s\n", name, value)
		}
	}
	out.WriteByte('\n')
	out.Write(neutral(body))
	return out.String()
}

// neutral takes what is volatile out of a body.
func neutral(body []byte) []byte {
	for _, v := range volatile {
		body = v.pattern.ReplaceAll(body, []byte(v.becomes))
	}
	return body
}

// between marks where one answer of the transcript ends and the next request
// stands.
const between = "\n### "

// readTranscript returns the recorded answers to the requests of a list.
func (l list) readTranscript() ([]string, error) {
	text, err := os.ReadFile(l.transcriptFile())
	if err != nil {
		return nil, err
	}
	entries := strings.Split(string(text), between)[1:]
	if len(entries) != len(l.requests) {
		return nil, fmt.Errorf("%s has %d answers to %d requests: record it anew", l.transcriptFile(), len(entries), len(l.requests))
	}
	answers := make([]string, len(entries))
	for n, entry := range entries {
		asked, answer, _ := strings.Cut(entry, "\n")
		if asked != l.requests[n].String() {
			return nil, fmt.Errorf("%s answers %q where the list asks %q: record it anew", l.transcriptFile(), asked, l.requests[n])
		}
		answers[n] = strings.TrimSuffix(answer, "\n")
	}
	return answers, nil
}
