package api

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody is the largest body a request may have: what Consul allows where it
// has a limit.
const maxBody = 512 << 10

// decode reads a request's JSON body into target, which may not leave any
// field of the body unknown. Text after the value is ignored, as by Consul.
func decode(r *http.Request, target any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(target); err != nil {
		return undecoded(r, err)
	}
	return nil
}

// undecoded returns the error of a body that could not be decoded as it is to
// be told.
func undecoded(r *http.Request, err error) error {
	if isTooLarge(err) {
		return tooLarge(r, maxBody, "")
	}
	return badRequest("Request decode failed: " + err.Error())
}

// decodeBytes is decode for a body that is not a request's.
func decodeBytes(body []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(target)
}

// isTooLarge reports whether a body broke off because it has more bytes than it
// may.
func isTooLarge(err error) bool { return errors.As(err, new(*http.MaxBytesError)) }

// tooLarge is the error for a body with more than most bytes; setting names
// what bounds it in Consul's configuration, if something does.
func tooLarge(r *http.Request, most int, setting string) error {
	size := r.ContentLength
	if size < 0 { // nobody said, and nobody read on
		size = int64(most) + 1
	}
	text := fmt.Sprintf("Request body(%d bytes) too large, max size: %d bytes.", size, most)
	if setting != "" {
		text += " See https://www.consul.io/docs/agent/config/config-files#" + setting + "."
	}
	return &failure{http.StatusRequestEntityTooLarge, text}
}

// parameters returns the parameters of a request's URL. They are parsed once,
// however often they are asked for.
func parameters(r *http.Request) url.Values {
	if r.Form == nil {
		r.Form = r.URL.Query()
	}
	return r.Form
}

// Token returns the token that a request carries, where Consul looks for it:
// ?token=, X-Consul-Token, or Authorization: Bearer (RFC 6750).
func Token(r *http.Request) string {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		bearer = ""
	}
	return cmp.Or(parameters(r).Get("token"), r.Header.Get("X-Consul-Token"), strings.TrimSpace(bearer))
}

// duration is a time span in a body: "10s", or a number of nanoseconds.
type duration time.Duration

// UnmarshalJSON implements json.Unmarshaler.
func (d *duration) UnmarshalJSON(data []byte) error {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	switch value := value.(type) {
	case nil:
		return nil
	case float64:
		*d = duration(value)
		return nil
	case string:
		if value == "" {
			return nil
		}
		parsed, err := time.ParseDuration(value)
		*d = duration(parsed)
		return err
	default:
		return fmt.Errorf("a duration is text like \"10s\" or a number of nanoseconds, not %s", data)
	}
}
