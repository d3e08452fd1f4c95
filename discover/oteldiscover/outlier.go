package oteldiscover

import (
	"context"

	"go.opentelemetry.io/otel/metric"

	"github.com/realjf/muster/discover/balance"
)

// Outlier is [balance.Outlier], and tells who is put out, and who is out. It
// remembers who is, so it is for one balancer, or connection: in a transport it goes
// into PolicyFor.
func (t *Telemetry) Outlier(cfg balance.OutlierConfig, policy balance.Policy) balance.Policy {
	return t.outliers.Outlier(cfg, policy)
}

// tellEjections implements [metric.Callback].
func (t *Telemetry) tellEjections(_ context.Context, o metric.Observer) error {
	for service, of := range t.outliers.Services() {
		o.ObserveInt64(t.ejections, int64(of.Total), named(service))
		o.ObserveInt64(t.ejected, int64(of.Now), named(service))
	}
	return nil
}
