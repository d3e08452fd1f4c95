package api

import "sync"

// text is what an answer says. It may be put together when its first reader takes
// it, for some take less. Its methods may be called concurrently; the zero value
// is empty.
type text struct {
	size  int
	ready []byte        // nil where it is put together
	later func() []byte // once
	// gzip returns all of it compressed, once; nil for a text that is too small.
	gzip func() []byte
}

// textOf returns the text that all is.
func textOf(all []byte) text { return text{size: len(all), ready: all}.compressible() }

// textLater returns the text of so many bytes that join puts together.
func textLater(size int, join func() []byte) text {
	return text{size: size, later: sync.OnceValue(join)}.compressible()
}

func (t text) compressible() text {
	if t.size < compressible {
		return t
	}
	plain := t
	t.gzip = sync.OnceValue(func() []byte { return compress(plain.all()) })
	return t
}

// all returns all of it.
func (t text) all() []byte {
	if t.later != nil {
		return t.later()
	}
	return t.ready
}
