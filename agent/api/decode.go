package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// maxBody is the largest body a request may have: what Consul allows where it
// has a limit.
const maxBody = 512 << 10

// decode reads a request's JSON body into target, which may not leave any
// field of the body unknown. Text after the value is ignored, as by Consul.
func decode(r *http.Request, target any) error {
	body := &countingReader{from: http.MaxBytesReader(nil, r.Body, maxBody)}
	decoder := json.NewDecoder(body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(target)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		size := r.ContentLength
		if size < 0 {
			size = body.count
		}
		return &failure{http.StatusRequestEntityTooLarge,
			fmt.Sprintf("Request body(%d bytes) too large, max size: %d bytes.", size, maxBody)}
	case err != nil:
		return badRequest("Request decode failed: " + err.Error())
	default:
		return nil
	}
}

// countingReader counts what was read through it.
type countingReader struct {
	from  io.Reader
	count int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.count += int64(n)
	return n, err
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
