package mesh

import (
	"reflect"
	"testing"
)

func TestExported(t *testing.T) {
	entry := &ExportedServicesConfigEntry{Name: DefaultPartition, Services: []ExportedService{
		{Name: "*", Consumers: []ServiceConsumer{{Peer: "b"}, {Peer: "a"}}},
		{Name: "web", Consumers: []ServiceConsumer{{Peer: "c"}, {Peer: "a"}}},
		{Name: "gone", Consumers: []ServiceConsumer{{}}},
		{Name: "own", Consumers: []ServiceConsumer{{Peer: "a"}}},
	}}
	want := map[string][]string{"web": {"a", "b", "c"}, "db": {"a", "b"}, "gone": {}}
	if got := entry.Exported([]string{"own", "web", "db", "db"}, "own"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
