package api

import (
	"net/url"
	"strings"
)

// hidden stands where a secret was.
const hidden = "<hidden>"

// shown returns a URL as it may be read by those who read logs: without the
// tokens in it, however their name is spelled. A name that cannot be read may
// be that of one.
func shown(u *url.URL) string {
	if u.RawQuery == "" {
		return u.EscapedPath()
	}
	parts := strings.Split(u.RawQuery, "&")
	for n, part := range parts {
		name, _, _ := strings.Cut(part, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || strings.Contains(strings.ToLower(plain), "token") {
			parts[n] = name + "=" + hidden
		}
	}
	return u.EscapedPath() + "?" + strings.Join(parts, "&")
}

// untold returns the parameters as they may stand in an answer: without tokens.
func untold(query url.Values) url.Values {
	if !query.Has("token") {
		return query
	}
	without := url.Values{}
	for name, values := range query {
		if name != "token" {
			without[name] = values
		}
	}
	return without
}
