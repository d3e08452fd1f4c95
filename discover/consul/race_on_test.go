//go:build race

package consul

// few is what a test has in place of very many: under the race detector, which
// breaks now and then itself where some hundreds of goroutines wake at once in a
// bubble (tsan_rtl.cpp:346, StackDepotBase::Put).
func few(int) int { return 20 }
