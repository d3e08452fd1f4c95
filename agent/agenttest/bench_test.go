package agenttest_test

import (
	"runtime"
	"testing"

	consul "github.com/hashicorp/consul/api"

	"github.com/realjf/muster/agent/agenttest"
)

// BenchmarkStart measures a start, up to where the registry can be asked, and
// BenchmarkRegistered up to the first registration that is accepted; all that
// were started live on.
func BenchmarkStart(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		agenttest.Start(b)
	}
}

func BenchmarkRegistered(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if err := agenttest.Start(b).Client().Agent().ServiceRegister(&consul.AgentServiceRegistration{Name: "web"}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestManyAtOnce: 500 registries that live at once in one process, as in a large
// package of tests that run in parallel, hold no more than 100 MB. A client's
// connection is not among it: both of its sides take some 60 KB while it is kept.
func TestManyAtOnce(t *testing.T) {
	const many, bound = 500, 100_000_000
	agenttest.Start(t) // what is made once is made by now
	before := held()
	for range many {
		agenttest.Start(t)
	}
	all := held() - before
	t.Logf("%d registries hold %d bytes of heap and stacks, %d each", many, all, all/many)
	if all > bound {
		t.Errorf("%d registries hold %d bytes of heap and stacks, want at most %d", many, all, bound)
	}
}

// held returns the bytes of heap that are in use, and of stacks.
func held() int64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc + memory.StackInuse)
}
