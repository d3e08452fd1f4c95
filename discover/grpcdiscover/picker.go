package grpcdiscover

import (
	"time"

	"google.golang.org/grpc/balancer"

	"github.com/realjf/muster/discover/balance"
)

// picker chooses among the instances that a connection is ready to.
type picker struct {
	choose  balance.Picker
	conns   map[*balance.Target]balancer.SubConn
	header  string
	failed  func(error) bool
	observe func(balance.Attempt) // nil while nobody is told
}

// Pick implements balancer.Picker.
func (p *picker) Pick(info balancer.PickInfo) (balancer.PickResult, error) {
	r := balance.Request{Key: keyOf(info.Ctx, p.header)}
	var t *balance.Target
	number := 0
	if a, ok := info.Ctx.Value(attemptsKey{}).(*attempts); ok {
		t, number = a.choose(p.choose, r)
	} else {
		t = p.choose.Pick(r)
	}
	var began time.Time
	if p.observe != nil {
		began = time.Now()
	}
	call := t.Start()
	return balancer.PickResult{SubConn: p.conns[t], Done: func(d balancer.DoneInfo) {
		failed := d.Err != nil && p.failed(d.Err)
		if failed {
			call.Done(d.Err)
		} else {
			call.Done(nil)
		}
		if p.observe != nil {
			p.observe(balance.Attempt{Context: info.Ctx, Target: t, Number: number, Took: time.Since(began), Err: d.Err, Failed: failed})
		}
	}}, nil
}

// none is the picker where there is nothing to choose from. Calls that wait for
// ready wait; the others fail with UNAVAILABLE and the error's text.
type none struct{ err error }

// Pick implements balancer.Picker.
func (n none) Pick(balancer.PickInfo) (balancer.PickResult, error) {
	return balancer.PickResult{}, n.err
}
