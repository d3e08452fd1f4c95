package oteldiscover

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/realjf/muster/discover"
	"github.com/realjf/muster/discover/announce"
)

// statuses are told even at 0, so that an alert can compare with it.
var statuses = []discover.Status{discover.Passing, discover.Warning, discover.Critical, discover.Maintenance}

// view is what is looked at whenever somebody collects.
type view struct {
	cache      *discover.Cache
	registrars []*announce.Registrar

	instances, state, registrations metric.Int64ObservableUpDownCounter
	age                             metric.Float64ObservableGauge
	healed                          metric.Int64ObservableCounter
}

// Follow tells what cache knows and, summed up, how registrars fare, whenever
// somebody collects, until stop is called. A cache that is nil is none. The error is that
// of an instrument that could not be made. It panics when a registrar is nil.
func (t *Telemetry) Follow(cache *discover.Cache, registrars ...*announce.Registrar) (stop func() error, err error) {
	if slices.Contains(registrars, nil) {
		panic("oteldiscover: Follow needs registrars, and one of them is nil")
	}
	v := &view{cache: cache, registrars: registrars}
	var errs [5]error
	v.instances, errs[0] = t.meter.Int64ObservableUpDownCounter("muster.discovery.instances", metric.WithUnit("{instance}"),
		metric.WithDescription("Instances of a watched service in the registry's latest good answer, by status."))
	v.state, errs[1] = t.meter.Int64ObservableUpDownCounter("muster.discovery.state", metric.WithUnit("{list}"),
		metric.WithDescription("What the list of a watched service is worth: 1 for the state that it is in, 0 for the others."))
	v.age, errs[2] = t.meter.Float64ObservableGauge("muster.discovery.age", metric.WithUnit("s"),
		metric.WithDescription("Time since the registry last gave the list of a watched service."))
	v.registrations, errs[3] = t.meter.Int64ObservableUpDownCounter("muster.registrations", metric.WithUnit("{registration}"),
		metric.WithDescription("Registrations of this process, by how they stand."))
	v.healed, errs[4] = t.meter.Int64ObservableCounter("muster.registrations.healed", metric.WithUnit("{registration}"),
		metric.WithDescription("Registrations that were put back after the registry lost them or somebody altered them."))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	following, err := t.meter.RegisterCallback(v.tell, v.instances, v.state, v.age, v.registrations, v.healed)
	if err != nil {
		return nil, err
	}
	return following.Unregister, nil
}

// tell implements [metric.Callback].
func (v *view) tell(_ context.Context, o metric.Observer) error {
	if v.cache != nil {
		for q, s := range v.cache.Each {
			v.tellList(o, q, s)
		}
	}
	var healed uint64
	standing := make(map[announce.Standing]int64)
	for _, r := range v.registrars {
		of := r.Detail()
		healed += of.Healed
		standing[of.Standing]++
	}
	for s := range announce.Standings {
		o.ObserveInt64(v.registrations, standing[s], metric.WithAttributes(standingKey.String(string(s))))
	}
	o.ObserveInt64(v.healed, int64(healed))
	return nil
}

// tellList tells of the answer to one question.
func (v *view) tellList(o metric.Observer, q discover.Query, s discover.Snapshot) {
	of := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributes(append(more, semconv.ServicePeerName(q.Service), queryKey.String(q.Detail()))...)
	}
	counts := map[discover.Status]int64{}
	for _, list := range [][]discover.Instance{s.Instances, s.Unhealthy} {
		for n := range list {
			counts[list[n].Status]++
		}
	}
	for _, status := range statuses {
		o.ObserveInt64(v.instances, counts[status], of(statusKey.String(string(status))))
	}
	for state := range discover.States {
		in := int64(0)
		if s.State() == state {
			in = 1
		}
		o.ObserveInt64(v.state, in, of(stateKey.String(string(state))))
	}
	o.ObserveFloat64(v.age, time.Since(s.Confirmed).Seconds(), of())
}
