package discover_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/consul"
)

// What is missing is missed where it is left out, and not in a goroutine that
// nobody can recover.
func TestSourceIsMissing(t *testing.T) {
	var failed *consul.Client // of a New whose error nobody looked at
	for name, begin := range map[string]func(src discover.Source){
		"NewCache": func(src discover.Source) { discover.NewCache(src, discover.CacheConfig{}) },
		"Watch":    func(src discover.Source) { discover.Watch(src, web, discover.WatchConfig{}) },
	} {
		for _, src := range []discover.Source{nil, failed} {
			func() {
				defer func() {
					if said := fmt.Sprint(recover()); !strings.Contains(said, name+" needs a source") {
						t.Errorf("%s(%v): panics with %q", name, src, said)
					}
				}()
				begin(src)
			}()
		}
	}
}
