package move

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestHidden: what the token may not read must not be missing without a word.
func TestHidden(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-Results-Filtered-By-Acls", "true")
		w.Header().Set("X-Consul-LastContact", "0") // without it the client reads no more of the head
		_, _ = w.Write([]byte("[]"))                // to whoever still reads
	}))
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := api.NewClient(&api.Config{Address: server.URL, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	r := &registry{Client: client}
	var nodes []string
	_, _, keysErr := r.keys(t.Context(), "")
	for _, err := range []error{keysErr, r.list(t.Context(), "/v1/catalog/nodes", &nodes)} {
		if err == nil || !strings.Contains(err.Error(), "may not read all") {
			t.Errorf("got error %v", err)
		}
	}
}
