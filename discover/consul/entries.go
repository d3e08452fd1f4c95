package consul

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/realjf/muster/discover"
)

// entries are those of the last answer, in its order, and what they looked like: of
// the next one only the others are decoded, and looked through.
type entries []known

// known is an entry of the last answer.
type known struct {
	imprint
	instance *discover.Instance
}

// imprint tells the texts of entries apart. Two that differ have the same one by
// chance alone, once in 2^64, for nobody outside of the process knows the seed.
type imprint struct {
	size int
	sum  uint64
}

func imprintOf(seed maphash.Seed, text []byte) imprint {
	return imprint{len(text), maphash.Bytes(seed, text)}
}

// snapshot sorts the entries of a list in JSON into a snapshot. What cannot be
// Consul's is an error, for it must not empty a list. Whatever was known before,
// the same text is the same snapshot.
func (e *entries) snapshot(seed maphash.Seed, q discover.Query, text []byte) (discover.Snapshot, error) {
	last, now := *e, make(entries, 0, len(*e))
	next := 0 // the entry of the last answer that most likely comes
	var byImprint map[imprint]int
	// An entry is an object, whose text is not the beginning of another one's.
	var mark imprint // of the element that was known again, whose text need not be looked at twice
	again := func(rest []byte) int {
		mark = imprint{}
		if next == len(last) || len(rest) < last[next].size {
			return 0
		}
		if found := imprintOf(seed, rest[:last[next].size]); found == last[next].imprint {
			mark = found
		}
		return mark.size
	}
	err := split(text, again, func(element []byte) error {
		n, is := next, mark.size > 0 && mark.size == len(element)
		if !is {
			if byImprint == nil {
				byImprint = last.byImprint()
			}
			mark = imprintOf(seed, element)
			n, is = byImprint[mark]
		}
		if is {
			now, next = append(now, last[n]), n+1
			return nil
		}
		next = min(next+1, len(last)) // most likely it took the place of one
		i, err := decode(element)
		now = append(now, known{mark, i})
		return err
	})
	if err != nil {
		return discover.Snapshot{}, err
	}
	return e.become(now, q), nil
}

// since is snapshot for a delta from the last answer, in which [from, count] is so
// many of its entries: see the registry's deltas, docs/compatibility.md. What
// names others, or one twice, is an error.
func (e *entries) since(seed maphash.Seed, q discover.Query, text []byte) (discover.Snapshot, error) {
	last, now := *e, make(entries, 0, len(*e)+1)
	named := make([]bool, len(last))
	nothing := func([]byte) int { return 0 }
	err := split(text, nothing, func(element []byte) error {
		if !bytes.HasPrefix(element, []byte("[")) {
			i, err := decode(element)
			now = append(now, known{imprintOf(seed, element), i})
			return err
		}
		from, count, err := run(element, len(last))
		if err != nil {
			return err
		}
		for n := from; n < from+count; n++ {
			if named[n] {
				return errors.New("the answer names an entry of the last one twice")
			}
			named[n] = true
			now = append(now, last[n])
		}
		return nil
	})
	if err != nil {
		return discover.Snapshot{}, err
	}
	return e.become(now, q), nil
}

// become takes over what was read.
func (e *entries) become(now entries, q discover.Query) discover.Snapshot {
	all := make([]discover.Instance, len(now))
	for n := range now {
		all[n] = *now[n].instance
	}
	*e = now
	return discover.NewSnapshot(q, all)
}

func (e entries) byImprint() map[imprint]int {
	at := make(map[imprint]int, len(e))
	for n := range e {
		at[e[n].imprint] = n
	}
	return at
}

// decode reads an entry.
func decode(element []byte) (*discover.Instance, error) {
	var read entry
	if err := json.Unmarshal(element, &read); err != nil {
		return nil, err
	}
	if read.Node == nil || read.Service == nil || slices.Contains(read.Checks, nil) {
		return nil, errors.New("the answer holds an entry without a node, a service or a check")
	}
	i := read.instance()
	return &i, nil
}

// deepest is how deep encoding/json lets values be nested.
const deepest = 10_000

// split hands the elements of a list in JSON to each, one after the other, until
// that returns an error, which split returns. An element that is known to be a
// value need not be looked through: again returns how long the one is with which
// the rest of the text begins, or 0.
//
// It looks at strings and brackets alone, and leaves it to each to refuse what
// is not one value in JSON. With that it takes what encoding/json does and
// nothing else: where the whole is a list its elements are found, and where all
// that lies between the commas are values the whole is a list.
func split(text []byte, again func(rest []byte) int, each func(element []byte) error) error {
	at := space(text, 0)
	if at == len(text) || text[at] != '[' {
		return errors.New("the answer is not a list of instances: what is at this address may be no Consul")
	}
	at = space(text, at+1)
	empty := at < len(text) && text[at] == ']'
	for !empty {
		end, err := endOf(text, at+again(text[at:]))
		if err != nil {
			return err
		}
		if err := each(bytes.TrimRight(text[at:end], " \n\t\r")); err != nil {
			return err
		}
		at = end
		if text[at] == ']' {
			break
		}
		at = space(text, at+1) // behind the comma
	}
	if at = space(text, at+1); at != len(text) {
		return fmt.Errorf("something follows the answer's list: %.20q", text[at:])
	}
	return nil
}

// space returns the index of the first byte from at on that is no white space.
func space(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// endOf returns the index of the comma or bracket that ends the element at at.
func endOf(text []byte, at int) (int, error) {
	depth := 1 // of the list
	for at < len(text) {
		switch text[at] {
		case '"':
			at = endOfString(text, at)
			continue
		case '{', '[':
			if depth++; depth > deepest {
				return 0, errors.New("the answer is nested too deep")
			}
		case '}', ']':
			if depth--; depth == 0 && text[at] == '}' {
				return 0, errors.New("the answer's list is closed as an object")
			} else if depth == 0 {
				return at, nil
			}
		case ',':
			if depth == 1 {
				return at, nil
			}
		}
		at++
	}
	return 0, errors.New("the answer is cut off")
}

// endOfString returns the index behind the string that begins at at, or the end
// of the text.
func endOfString(text []byte, at int) int {
	for at++; ; {
		quote := bytes.IndexByte(text[at:], '"')
		if quote < 0 {
			return len(text)
		}
		at += quote + 1
		if !escaped(text[:at-1]) {
			return at
		}
	}
}

// escaped reports whether what follows a part of a string is escaped: by an odd
// number of backslashes.
func escaped(before []byte) bool {
	n := len(before)
	for n > 0 && before[n-1] == '\\' {
		n--
	}
	return (len(before)-n)%2 == 1
}
