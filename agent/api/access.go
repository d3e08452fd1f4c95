package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// blocks reports whether the settings keep everyone from a path.
func (s *Settings) blocks(path string) bool {
	for _, beginning := range s.BlockEndpoints {
		if strings.HasPrefix(path, beginning) {
			return true
		}
	}
	return false
}

// lets reports whether the settings let a request do what it asks for, by
// where it comes from. A Unix socket is in no network.
func (s *Settings) lets(r *http.Request) bool {
	if r.Method == http.MethodGet || len(s.AllowWriteFrom) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, network := range s.AllowWriteFrom {
		if network.Contains(from.Addr().Unmap()) {
			return true
		}
	}
	return false
}

var (
	errBlocked    = &failure{http.StatusForbidden, "Endpoint is blocked by agent configuration"}
	errRestricted = &failure{http.StatusForbidden, "Access is restricted"}
)
