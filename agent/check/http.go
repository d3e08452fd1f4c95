package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/realjf/muster/agent/state"
)

// maxBody is how much of an answer's body is read: enough for whatever is
// meant for people, and an end for what has none.
const maxBody = 1 << 20

// httpProbe asks a URL: 2xx is passing, 429 is warning, all else critical.
type httpProbe struct {
	definition Definition
	client     *http.Client
}

func newHTTP(r *Runner, d Definition) prober {
	client := &http.Client{Transport: r.transports.of(anyHTTP, d)}
	if d.DisableRedirects {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return &httpProbe{definition: d, client: client}
}

func (p *httpProbe) probe(ctx context.Context) Result {
	d := p.definition
	method := d.Method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(ctx, method, d.HTTP, strings.NewReader(d.Body))
	if err != nil {
		return Result{state.Critical, err.Error()}
	}
	request.Header.Set("User-Agent", "Consul Health Check") // servers recognise the check by it
	request.Header.Set("Accept", "text/plain, text/*, */*")
	for name, values := range d.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := request.Header.Get("Host"); host != "" {
		request.Host = host
	}

	response, err := p.client.Do(request)
	if err != nil {
		output := err.Error()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			output += " (Client.Timeout exceeded while awaiting headers)" // as Consul's client says
		}
		return Result{state.Critical, output}
	}
	defer response.Body.Close()
	// What could be read is the output; a body that breaks off says nothing
	// about the status that came before it.
	body := newTail(d.OutputMaxSize)
	_, _ = io.CopyBuffer(body, io.LimitReader(response.Body, maxBody), make([]byte, buffer))
	output := fmt.Sprintf("HTTP %s %s: %s Output: %s", method, d.HTTP, response.Status, body)
	switch {
	case response.StatusCode >= 200 && response.StatusCode <= 299:
		return Result{state.Passing, output}
	case response.StatusCode == http.StatusTooManyRequests:
		return Result{state.Warning, output}
	default:
		return Result{state.Critical, output}
	}
}
