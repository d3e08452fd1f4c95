package consul

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// A watch that has a list asks for what changed of it alone (RFC 3229). Muster's
// registry answers so where it remembers that list; Consul does not know of it and
// answers with all of it, as everybody may. In the delta new entries stand as they
// are, and [from, count] for so many of the list that the watch has.

// deltas is the name of this kind of change.
const deltas = "muster-instances"

// askForDelta says that a delta is understood, and from which list, if there is one.
func askForDelta(request *http.Request, tag string) {
	request.Header["A-Im"] = []string{deltas}
	if tag != "" {
		request.Header["If-None-Match"] = []string{tag}
	}
}

// isDeltaFrom reports whether an answer is a delta from the list with a tag.
func isDeltaFrom(response *http.Response, tag string) bool {
	return response.StatusCode == http.StatusIMUsed && tag != "" &&
		response.Header.Get("Im") == deltas && response.Header.Get("Delta-Base") == tag
}

// tagOf returns the tag of the list in an answer; empty where it is not one that
// deltas are from: what stands between may give answers others.
func tagOf(response *http.Response) string {
	if tag := response.Header.Get("Etag"); strings.HasPrefix(tag, `"muster-`) {
		return tag
	}
	return ""
}

// run reads [from, count], which names some of the last answer's entries.
func run(element []byte, of int) (from, count int, err error) {
	var numbers []int
	if err := json.Unmarshal(element, &numbers); err != nil {
		return 0, 0, err
	}
	if len(numbers) != 2 || numbers[0] < 0 || numbers[1] < 1 || numbers[0] > of || numbers[1] > of-numbers[0] {
		return 0, 0, fmt.Errorf("the answer names entries of the last one that it did not have: %.40q of %d", element, of)
	}
	return numbers[0], numbers[1], nil
}
