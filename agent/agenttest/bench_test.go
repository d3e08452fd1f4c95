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

// TestManyAtOnce bounds what a registry holds, so that 500 of them take no more
// than 100 MB. A client's connection is not among it: both of its sides take
// some 60 KB while it is kept.
func TestManyAtOnce(t *testing.T) {
	const many, bound = 100, 100_000_000 / 500
	agenttest.Start(t) // what is made once is made by now
	before := held()
	for range many {
		agenttest.Start(t)
	}
	each := (held() - before) / many
	t.Logf("%d bytes of heap and stacks for each registry", each)
	if each > bound {
		t.Errorf("a registry holds %d bytes of heap and stacks, want at most %d", each, bound)
	}
}

// held returns the bytes of heap that are in use, and of stacks.
func held() int64 {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	return int64(memory.HeapAlloc + memory.StackInuse)
}
