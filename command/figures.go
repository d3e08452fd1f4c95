package command

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/promdiscover"
)

// figures tell Prometheus of the library, from before there is anything to
// announce. They are a prometheus.Collector.
type figures struct {
	cache *discover.Cache
	now   atomic.Pointer[promdiscover.Collector]
}

func newFigures(cache *discover.Cache) *figures {
	f := &figures{cache: cache}
	f.now.Store(promdiscover.NewCollector(cache))
	return f
}

// tellOf adds what is announced.
func (f *figures) tellOf(r *announce.Registrar) { f.now.Store(promdiscover.NewCollector(f.cache, r)) }

// Describe implements prometheus.Collector.
func (f *figures) Describe(descriptions chan<- *prometheus.Desc) { f.now.Load().Describe(descriptions) }

// Collect implements prometheus.Collector.
func (f *figures) Collect(metrics chan<- prometheus.Metric) { f.now.Load().Collect(metrics) }
