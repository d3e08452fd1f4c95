package ui

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"strings"
)

//go:embed entrance.html
var entranceFrame string

//go:embed entrance.js
var entranceScript string

// Entrance returns the handler of a page that asks for a token, keeps it for as
// long as the browser's tab is open, and shows with it what there is at the
// same address. It is answered 403, shows nothing of the registry, and is the
// same for everyone. It is safe for concurrent use.
func Entrance() http.Handler {
	body := []byte(strings.Replace(entranceFrame, "SCRIPT", entranceScript, 1))
	digest := sha256.Sum256([]byte(entranceScript))
	// Of scripts only this one runs: nothing that the page shows later does.
	policy := "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"script-src 'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body) // the one error is that the reader is gone
	})
}
