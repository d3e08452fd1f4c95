package consul

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/realjf/muster/discover"
)

// TestAnAnswerHasABound, however it comes and whatever it says of itself, and the
// next one is heard again.
func TestAnAnswerHasABound(t *testing.T) {
	const most = 1 << 20
	var form http.HandlerFunc
	_, talk, _ := connections(t, func(w http.ResponseWriter, r *http.Request) { form(w, r) })
	consul := talk.(*conversation).consul
	if consul.longest != longestAnswer {
		t.Errorf("an answer may have %d bytes, want %d", consul.longest, longestAnswer)
	}
	consul.longest = most
	of := func(size int) string { return "[" + strings.Repeat(" ", size-2) + "]" }
	forms := map[string]func(w http.ResponseWriter, text string){
		"in chunks": func(w http.ResponseWriter, text string) { _, _ = io.WriteString(w, text) },
		"of a length": func(w http.ResponseWriter, text string) {
			w.Header().Set("Content-Length", fmt.Sprint(len(text)))
			_, _ = io.WriteString(w, text)
		},
		"compressed": func(w http.ResponseWriter, text string) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(zip([]byte(text)))
		},
	}
	for name, write := range forms {
		for by, source := range map[string]discover.Source{"line": talk, "shared": consul} {
			for _, size := range []int{most + 1, most, 64 * most} {
				form = func(w http.ResponseWriter, _ *http.Request) { write(w, of(size)) }
				_, err := source.Next(t.Context(), asked, 0)
				if (err != nil) != (size > most) || err != nil && !strings.Contains(err.Error(), "longer than 1 MiB") {
					t.Errorf("%s, %s, %d bytes: got error %v", by, name, size, err)
				}
			}
		}
	}
}

// TestNoMoreIsRead of an answer than it may have.
func TestNoMoreIsRead(t *testing.T) {
	const most = 1 << 20
	body := strings.NewReader(strings.Repeat(" ", 4*most))
	err := readText(newText(), &http.Response{Body: io.NopCloser(body), ContentLength: -1}, most)
	if read := body.Size() - int64(body.Len()); err == nil || read > most+1 {
		t.Errorf("read %d bytes, error %v; want %d and an error", read, err, most+1)
	}
}

// TestLargeTextsAreNotKept: one long answer does not cost its memory ever after.
func TestLargeTextsAreNotKept(t *testing.T) {
	list := "[" + strings.Repeat(" ", keptText) + "]"
	_, talk, _ := connections(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, list) })
	for range 8 {
		if _, err := talk.Next(t.Context(), asked, 0); err != nil {
			t.Fatal(err)
		}
		for range 8 {
			if text := newText(); text.Cap() > keptText {
				t.Fatalf("a text of %d bytes was kept", text.Cap())
			}
		}
	}
}
