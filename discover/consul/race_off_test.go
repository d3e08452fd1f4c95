//go:build !race

package consul

// few is what a test has in place of very many: all of them.
func few(many int) int { return many }
