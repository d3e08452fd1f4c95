package api

import (
	"bytes"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/realjf/muster/agent/local"
)

// answers keeps encoded answers while they are true, so that a change is
// encoded once however many readers wait for it, and a repeated question
// costs no encoding at all.
type answers struct {
	warming func(value any) local.Warming // which checks in an answer are
	tags    *tags                         // of lists of instances

	mu    sync.Mutex
	byKey map[string]*slot
	bytes int // of all keys and bodies
}

// slot is the place of one question's answer. Its mutex is held while the
// answer is made, so that readers who come meanwhile share it. A reader who
// waits keeps the slot, and looks there without any lock.
type slot struct {
	mu     sync.Mutex
	answer atomic.Pointer[answer] // stored with the mutex of answers held
	cached atomic.Bool            // somebody asked with ?cached before
}

// answer is an encoded finding. It never changes.
type answer struct {
	index   uint64
	changed <-chan struct{}
	headers http.Header // those of the content, and those that tell the index
	warming local.Warming
	*content
}

// content is the encoded part of an answer. Answers that follow each other
// and say the same share it: whoever waits for something new compares
// pointers.
type content struct {
	status int
	header http.Header
	text   text
	// instances are the text's, where it is a list of them.
	instances *pieces
}

func (c *content) equal(d *content) bool {
	return c.status == d.status && c.sameText(d) && maps.EqualFunc(c.header, d.header, slices.Equal)
}

func (c *content) sameText(d *content) bool {
	if c.instances != nil && d.instances != nil {
		return c.instances.same(d.instances)
	}
	return bytes.Equal(c.text.body(false), d.text.body(false))
}

// Beyond these, answers that nobody asked for lately make room.
const (
	maxAnswers     = 4096
	maxAnswerBytes = 64 << 20
)

func newAnswers(warming func(value any) local.Warming) *answers {
	return &answers{warming: warming, tags: newTags(), byKey: map[string]*slot{}}
}

// slot returns the place of the answer to the question that key tells apart.
func (s *answers) slot(key string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.byKey[key]
	if place == nil {
		place = &slot{}
		s.byKey[key] = place
		s.bytes += len(key)
		s.shrink(key)
	}
	return place
}

// get returns the answer to q, whose place and key these are, as it is now. It
// begins, which may wait or fail, when the answer must be made; those who share
// it wait for that.
func (s *answers) get(place *slot, key string, q *question, encode encoder, begin func() (turn, error)) (*answer, error) {
	if kept := place.answer.Load(); kept.current() {
		return kept, nil
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	kept := place.answer.Load()
	if kept.current() {
		return kept, nil // made by somebody else meanwhile
	}
	mine, err := begin()
	if err != nil {
		return nil, err
	}
	defer mine.give()
	made, err := s.produce(q, kept.pieces(), encode)
	if err != nil {
		return nil, err
	}
	if kept != nil && made.equal(kept.content) {
		made.content = kept.content
	} else if q.zipped && made.text.gzip != nil && !made.instances.remember(q.has) {
		made.text.gzip() // while it is our turn: it takes longer than all else
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byKey[key] == place { // else it has been forgotten, and does not count
		s.bytes += made.size() - kept.size()
	}
	place.answer.Store(made)
	return made, nil
}

// encoder encodes what was found. What it is given of the answer before, and
// what it returns, is nil unless that was a list of instances.
type encoder func(value any, before *pieces) (text, *pieces, error)

// produce asks the question and encodes what it finds.
func (s *answers) produce(q *question, before *pieces, encode encoder) (*answer, error) {
	found, err := q.ask()
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	said := content{status: found.status, header: header}
	if all, isRaw := found.value.(raw); isRaw {
		said.text = textOf(all)
	} else {
		header.Set("Content-Type", "application/json")
		if said.text, said.instances, err = encode(found.value, before); err != nil {
			return nil, err
		}
		if said.instances != nil {
			said.instances.tag = s.tags.next()
		}
	}
	maps.Copy(header, found.header)
	made := &answer{
		index: found.index, changed: found.changed, headers: q.headers(header, found.index), warming: s.warming(found.value),
		content: &said,
	}
	return made, nil
}

// current reports whether there is an answer, and it still holds.
func (a *answer) current() bool {
	if a == nil {
		return false
	}
	select {
	case <-a.changed:
		return false
	default:
		return true
	}
}

// pieces returns those of the answer, if it has any.
func (a *answer) pieces() *pieces {
	if a == nil {
		return nil
	}
	return a.instances
}

func (a *answer) size() int {
	if a == nil {
		return 0
	}
	return a.text.size
}

// shrink forgets answers while there are too many, but not the one for key;
// the caller holds the mutex. Which ones is left to chance: a wrong guess
// costs one encoding.
func (s *answers) shrink(key string) {
	for other, place := range s.byKey {
		if len(s.byKey) <= maxAnswers && s.bytes <= maxAnswerBytes {
			return
		}
		if other != key {
			s.bytes -= len(other) + place.answer.Load().size()
			delete(s.byKey, other)
		}
	}
}

// telling are the parameters that can change an answer; all others leave it
// as it is, and do not tell questions apart.
var telling = []string{"compile-dc", "connect", "filter", "keys", "limit", "merge-central-config", "name", "near", "node-meta", "passing", "peer", "pretty", "raw", "recurse", "segment", "separator", "seperator", "tag"}

// answerKey tells questions apart: by the path, and by every parameter that
// can change the answer, in a fixed order.
func answerKey(path string, asked url.Values) string {
	if len(asked) == 0 {
		return path
	}
	var key strings.Builder
	key.WriteString(path)
	for _, name := range telling {
		for _, value := range asked[name] {
			key.WriteByte(0) // which neither a path nor an escaped value may hold
			key.WriteString(name)
			key.WriteByte('=')
			key.WriteString(url.QueryEscape(value))
		}
	}
	return key.String()
}
