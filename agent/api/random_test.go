package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/realjf/muster/test/random"
)

// TestWhoWaitsIsWokenWhenItsAnswerChanges lets readers of everything wait
// while random writes go on: after each write exactly those are answered whose
// answer is another, with that answer and a higher index.
func TestWhoWaitsIsWokenWhenItsAnswerChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run := 0
		// A bubble has no deadline, which rapid would ask a *testing.T for.
		rapid.Check(struct{ testing.TB }{t}, func(r *rapid.T) {
			run++
			ctx, cancel := context.WithCancel(t.Context())
			defer synctest.Wait() // for the readers to leave
			defer cancel()
			d := open(t, Config{})
			truth := door{t, New(d.api.store, d.local, d.api.sessions, Config{}), d.local} // to whom nobody else asks
			names := random.NewNames(run, "n1")
			readers := make([]*waitingReader, len(random.Looks))
			for n, look := range random.Looks {
				readers[n] = &waitingReader{path: names.Fill(look), known: d.get(names.Fill(look))}
				readers[n].wait(ctx, d)
			}
			for _, step := range random.Steps(25).Draw(r, "steps") {
				synctest.Wait() // until all wait
				got, err := d.ask(ctx, step.Method, names.Fill(step.Path), names.Fill(step.Body))
				if err != nil {
					r.Fatal(err)
				}
				if step.Path == "/v1/session/create" && got.status == http.StatusOK {
					names.Session([]byte(got.body))
				}
				synctest.Wait()
				truth.api.answers = newAnswers(truth.api.answers.warming)
				for n, look := range random.Looks {
					reader, now := readers[n], truth.get(readers[n].path)
					if strings.HasPrefix(now.header.Get("Content-Type"), "application/json") {
						if _, err := names.JSON(look, []byte(now.body)); err != nil { // for the indexes of what is there
							r.Fatal(err)
						}
					}
					if fault := reader.compare(now); fault != "" {
						r.Fatalf("after %s a reader of %s %s\nbefore: %d %s\nnow: %d %s", step, look, fault,
							reader.known.index(), reader.known.body, now.index(), now.body)
					}
					if reader.answered() {
						reader.known = now
						reader.wait(ctx, d)
					}
				}
			}
		})
	})
}

// waitingReader waits for another answer than the one it knows.
type waitingReader struct {
	path   string
	known  response
	answer chan response // has one when there is another
}

// wait begins to wait.
func (w *waitingReader) wait(ctx context.Context, d door) {
	separator := "?"
	if strings.Contains(w.path, "?") {
		separator = "&"
	}
	path := w.path + separator + "wait=10m&index=" + strconv.FormatUint(w.known.index(), 10)
	answer := make(chan response, 1)
	w.answer = answer
	go func() { // ends with its read, or with ctx
		if got, err := d.ask(ctx, http.MethodGet, path, ""); err == nil {
			answer <- got
		}
	}()
}

func (w *waitingReader) answered() bool { return len(w.answer) > 0 }

// compare returns what is wrong when the answer is now this one.
func (w *waitingReader) compare(now response) string {
	another := now.status != w.known.status || now.body != w.known.body
	switch {
	case now.index() < w.known.index():
		return "sees the index fall"
	case another && now.index() == w.known.index():
		return "sees another answer at the same index"
	case another && !w.answered():
		return "sleeps though its answer is another"
	case !another && w.answered():
		return "is woken though its answer is the same"
	case !another:
		return ""
	}
	got := <-w.answer
	w.answer <- got // it stays answered
	if got.status != now.status || got.body != now.body || got.index() != now.index() {
		return "got an answer that is not the present one: " + got.body
	}
	return ""
}
