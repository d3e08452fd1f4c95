package balance

import "github.com/cespare/xxhash/v2"

// Key makes a request's key of what its target is to depend on, such as a
// user's or a session's name. It is the same in every process, so that many
// callers agree on the target. It does not allocate.
func Key(text string) uint64 { return max(1, xxhash.Sum64String(text)) }
