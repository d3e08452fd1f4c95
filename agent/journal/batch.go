package journal

import "github.com/realjf/muster/agent/state"

// batch is records of a log that are read together.
type batch struct {
	begins int64  // where the first record does
	text   []byte // of all records, one after the other
	ends   []int  // of each, in text
}

// batchBytes is how much text a batch has: enough to be worth handing over.
const batchBytes = 128 << 10

// batch returns the next records. It fails as next does, once there is none
// before that.
func (r *records) batch() (batch, error) {
	b := batch{begins: r.offset, text: make([]byte, 0, batchBytes+batchBytes/4)}
	for len(b.text) < batchBytes && r.failure == nil {
		text, err := r.next()
		if r.failure = err; err == nil {
			b.text = append(b.text, text...)
			b.ends = append(b.ends, len(b.text))
		}
	}
	if len(b.ends) == 0 {
		return b, r.failure
	}
	return b, nil
}

// kept is a record that was read as a commit.
type kept struct {
	offset int64 // where it begins
	size   int   // of its text
	commit *state.Commit
	err    error
}

// commits reads the records of a batch.
func (b batch) commits() []kept {
	reader, all := state.NewReader(), make([]kept, len(b.ends))
	offset, begin := b.begins, 0
	for n, end := range b.ends {
		text := b.text[begin:end]
		commit, err := reader.Commit(text)
		all[n] = kept{offset, len(text), commit, err}
		offset, begin = offset+frame+int64(len(text)), end
	}
	return all
}
