package consul

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"sync"
)

const (
	// longestAnswer is how long an answer may be, once it is decompressed: a list of
	// some hundred thousand instances.
	longestAnswer = 256 << 20

	// keptText is how large a text may be whose memory is kept for the next one.
	keptText = 8 << 20
)

// texts are those of questions and answers, which may be large and are soon of no
// more use.
var texts = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// newText returns an empty text.
func newText() *bytes.Buffer {
	text := texts.Get().(*bytes.Buffer)
	text.Reset()
	return text
}

// freeText gives back the memory of a text, which is used no more.
func freeText(text *bytes.Buffer) {
	if text.Cap() <= keptText {
		texts.Put(text)
	}
}

// readText reads the text of an answer, which may have so many bytes.
func readText(text *bytes.Buffer, response *http.Response, most int64) error {
	if length := response.ContentLength; length > 0 && length <= min(most, keptText) {
		text.Grow(int(length) + bytes.MinRead) // which is what finding the end takes
	}
	n, err := text.ReadFrom(io.LimitReader(response.Body, most+1))
	if err == nil && n > most {
		return fmt.Errorf("the answer is longer than %d MiB: ask for fewer instances, such as by tags or a filter", most>>20)
	}
	return err
}
