package dns

import (
	"sync"

	"github.com/realjf/muster/agent/state"
)

// kept is a sheet, and until when it holds.
type kept struct {
	sheet    *sheet
	topic    state.Topic
	index    uint64 // of the topic
	settings *inForce
}

// cache keeps sheets by question. It is bounded, and forgets what was not asked
// for in a while: what is asked for moves from the old ones to the young ones,
// which become the old ones when there are too many of them. It is safe for
// concurrent use.
type cache struct {
	most int // records, in young and old ones together

	mu         sync.RWMutex
	young, old map[string]*kept
	records    int // in young ones
}

func newCache(most int) *cache { return &cache{most: most, young: map[string]*kept{}} }

// get returns what is kept for a question; nil for nothing.
func (c *cache) get(question []byte) *kept {
	c.mu.RLock()
	k := c.young[string(question)]
	aged := c.old[string(question)]
	c.mu.RUnlock()
	if k == nil && aged != nil {
		c.put(question, aged)
		return aged
	}
	return k
}

// put keeps something for a question, unless it is too much.
func (c *cache) put(question []byte, k *kept) {
	c.mu.Lock()
	defer c.mu.Unlock()
	records := k.sheet.size()
	if before := c.young[string(question)]; before != nil {
		c.records -= before.sheet.size()
		delete(c.young, string(question))
	}
	if c.records+records > c.most/2 {
		c.old, c.young, c.records = c.young, map[string]*kept{}, 0
	}
	if records <= c.most/2 {
		c.young[string(question)] = k
		c.records += records
	}
}

// size is about how many records a sheet has, with a few for itself.
func (sh *sheet) size() int { return 8 + 2*len(sh.choices) + sh.answers + len(sh.suffixes)/2 }
