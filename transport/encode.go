package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
)

// encodeResponse answers 200 with the response as JSON.
func encodeResponse(_ context.Context, w http.ResponseWriter, response any) error {
	return writeJSON(w, http.StatusOK, response)
}

// writeJSON answers with status and value. When value cannot be encoded it
// returns the error before anything was written.
func writeJSON(w http.ResponseWriter, status int, value any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false) // the content type says that it is none
	if err := encoder.Encode(value); err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store") // health and instances change
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // fails when the client has gone, and then nobody waits for more
	return nil
}
