package balance

import "github.com/cespare/xxhash/v2"

// Key makes a request's key from text, such as a user's name. It is the same in
// every process, and does not allocate.
func Key(text string) uint64 { return max(1, xxhash.Sum64String(text)) }

// mix turns a number into another that looks unrelated (the last step of
// MurmurHash3).
func mix(x uint64) uint64 {
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	x ^= x >> 33
	x *= 0xc4ceb9fe1a85ec53
	return x ^ x>>33
}
