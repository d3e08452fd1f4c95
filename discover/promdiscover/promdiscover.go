// Package promdiscover tells Prometheus what a discover.Cache knows, how
// registrars fare and whom balancers keep out. It reads both when it is scraped and keeps nothing itself;
// the caller registers the collector, for there is no global one.
//
// The metrics, with their labels:
//
//	muster_discover_instances                    service, query, status: in the latest good answer
//	muster_discover_list_age_seconds             service, query: since the registry gave the list
//	muster_discover_registrations                standing
//	muster_discover_registrations_healed_total   how often one was put back
//	muster_client_ejections_total                service: how often an instance was put out for its failures
//	muster_client_ejected                        service: instances that are out now
//
// The label "query" is what a question asks beside the service, as
// [discover.Query.Detail] says; it is empty where that is nothing. A status is
// passing, which counts all that are healthy under the query, warning, critical or
// maintenance. A standing is one of [announce.Standings]. Each status and standing is
// told, with 0 too; but a service only when it is watched and there was an answer. Of
// ejections it knows where [Collector.Outlier] is the policy.
package promdiscover

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
	"github.com/realjf/muster/discover/balance"
)

var (
	instances = prometheus.NewDesc("muster_discover_instances",
		"Instances of a watched service in the registry's latest good answer, by status.",
		[]string{"service", "query", "status"}, nil)
	listAge = prometheus.NewDesc("muster_discover_list_age_seconds",
		"Time since the registry last gave the list of a watched service. It stays below the wait time of a blocking query, about a minute, while the registry answers.",
		[]string{"service", "query"}, nil)
	healed = prometheus.NewDesc("muster_discover_registrations_healed_total",
		"Registrations of this process that were put back after the registry lost them or somebody altered them.",
		nil, nil)
	registrations = prometheus.NewDesc("muster_discover_registrations",
		"Registrations of this process, by how they stand. What is lost, and stays so, belongs to another process.",
		[]string{"standing"}, nil)
	ejections = prometheus.NewDesc("muster_client_ejections_total",
		"How often an instance of a service was put out for its failures.",
		[]string{"service"}, nil)
	ejected = prometheus.NewDesc("muster_client_ejected",
		"Instances of a service that are out for their failures, of all balancers of this process.",
		[]string{"service"}, nil)
)

// statuses are told even at 0, so that an alert can compare with it.
var statuses = []discover.Status{discover.Passing, discover.Warning, discover.Critical, discover.Maintenance}

// Collector is a prometheus.Collector over a cache and registrars. It may be
// scraped concurrently.
type Collector struct {
	cache      *discover.Cache
	registrars []*announce.Registrar
	ejections  balance.Ejections
}

// NewCollector returns a collector over cache and, summed up, registrars. A cache
// that is nil is none. It panics when a registrar is nil.
//
// A registry takes one, and a second one for another cache only where a label
// tells them apart, which each of them needs:
//
//	prometheus.WrapRegistererWith(prometheus.Labels{"cache": "eu"}, registry).MustRegister(promdiscover.NewCollector(eu))
//	prometheus.WrapRegistererWith(prometheus.Labels{"cache": "us"}, registry).MustRegister(promdiscover.NewCollector(us))
func NewCollector(cache *discover.Cache, registrars ...*announce.Registrar) *Collector {
	if slices.Contains(registrars, nil) {
		panic("promdiscover: NewCollector needs registrars, and one of them is nil")
	}
	return &Collector{cache: cache, registrars: registrars}
}

// Outlier is [balance.Outlier], and counts who is put out, and who is out. It is
// for one balancer, or connection: in a transport it goes into PolicyFor.
func (c *Collector) Outlier(cfg balance.OutlierConfig, policy balance.Policy) balance.Policy {
	return c.ejections.Outlier(cfg, policy)
}

// Describe implements prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- instances
	descriptions <- listAge
	descriptions <- healed
	descriptions <- registrations
	descriptions <- ejections
	descriptions <- ejected
}

// Collect implements prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	if c.cache != nil {
		for q, s := range c.cache.Each {
			collectList(metrics, q, s)
		}
	}
	var total uint64
	standing := make(map[announce.Standing]int)
	for _, r := range c.registrars {
		of := r.Detail()
		total += of.Healed
		standing[of.Standing]++
	}
	for s := range announce.Standings {
		metrics <- gauge(registrations, float64(standing[s]), string(s))
	}
	metrics <- prometheus.MustNewConstMetric(healed, prometheus.CounterValue, float64(total))
	for service, of := range c.ejections.Services() {
		metrics <- prometheus.MustNewConstMetric(ejections, prometheus.CounterValue, float64(of.Total), service)
		metrics <- gauge(ejected, float64(of.Now), service)
	}
}

func collectList(metrics chan<- prometheus.Metric, q discover.Query, s discover.Snapshot) {
	for _, status := range statuses {
		metrics <- gauge(instances, float64(count(s, status)), q.Service, q.Detail(), string(status))
	}
	metrics <- gauge(listAge, time.Since(s.Confirmed).Seconds(), q.Service, q.Detail())
}

func gauge(desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func count(s discover.Snapshot, status discover.Status) int {
	if status == discover.Passing {
		return len(s.Instances)
	}
	n := 0
	for _, i := range s.Unhealthy {
		if i.Status == status {
			n++
		}
	}
	return n
}
