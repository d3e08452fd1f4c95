package api

import "sync"

// text is what an answer says. That of a long list is put together when its first
// reader takes it, for some take less. The zero value is empty.
type text struct {
	size int
	all  func() []byte // may be called concurrently; nil for the empty one
	gzip func() []byte // all of it compressed, once; nil for a text that is too small
}

// textOf returns the text that all is.
func textOf(all []byte) text {
	return textLater(len(all), func() []byte { return all })
}

// textLater returns the text of so many bytes that all returns.
func textLater(size int, all func() []byte) text {
	t := text{size: size, all: all}
	if size >= compressible {
		t.gzip = sync.OnceValue(func() []byte { return compress(all()) })
	}
	return t
}

// body returns the text as it is sent.
func (t text) body(zipped bool) []byte {
	switch {
	case zipped:
		return t.gzip()
	case t.all == nil:
		return nil
	}
	return t.all()
}
