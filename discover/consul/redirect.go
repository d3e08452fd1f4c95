package consul

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// mostRedirects is net/http's own limit.
const mostRedirects = 10

// stayingHome returns what a client does where an answer leads elsewhere: on the
// registry's host that is followed. To another one, or from TLS to plain text, a
// registry leads nobody, and net/http, which keeps back passwords there, would
// take Consul's token along. A policy of the program's own decides by itself,
// about requests without token and password.
func stayingHome(theirs func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, before []*http.Request) error {
		home := isHome(before[0].URL, next.URL)
		if !home {
			next.Header.Del("X-Consul-Token")
			next.Header.Del("Authorization")
		}
		switch {
		case theirs != nil:
			return theirs(next, before)
		case !home:
			return fmt.Errorf("the answer leads to %s://%s, which is not followed: a token is for its registry alone; if that is the registry, give its address",
				next.URL.Scheme, next.URL.Host)
		case len(before) >= mostRedirects:
			return errors.New("the answer leads elsewhere again and again")
		}
		return nil
	}
}

// isHome reports whether what may be told to one address may be told to another.
// The port may be another one, as where plain text leads to TLS.
func isHome(home, to *url.URL) bool {
	return strings.EqualFold(home.Hostname(), to.Hostname()) && (home.Scheme == to.Scheme || to.Scheme == "https")
}
