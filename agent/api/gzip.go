package api

import (
	"bytes"
	"compress/gzip"
	"strconv"
	"strings"
)

// compressible is the size above which Consul compresses an answer.
const compressible = 1400

// compress returns body in gzip. It favours speed: most readers are near.
func compress(body []byte) []byte {
	var out bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed) // fails for unknown levels only
	_, _ = zip.Write(body)                              // a buffer takes everything
	_ = zip.Close()
	return out.Bytes()
}

// takesGzip reports whether a client that says this in Accept-Encoding wants its
// answer in gzip: it names it, with a weight above 0 or with none.
func takesGzip(accepted string) bool {
	if accepted == "gzip" || accepted == "" { // nearly everybody
		return accepted != ""
	}
	for coding := range strings.SplitSeq(accepted, ",") {
		name, weight, weighted := strings.Cut(coding, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		if !weighted {
			return true
		}
		value, _ := strings.CutPrefix(strings.TrimSpace(weight), "q=")
		q, err := strconv.ParseFloat(value, 64)
		return err == nil && q > 0
	}
	return false
}
