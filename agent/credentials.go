package agent

import (
	"time"

	"github.com/realjf/muster/agent/credential"
)

// takeCredentials reads the files of all doors that speak TLS.
func (a *Agent) takeCredentials() error {
	https, dot, err := a.config.credentials()
	if err != nil {
		return err
	}
	if https != nil {
		a.https = credential.New(https, a.logger.With("door", "https"))
	}
	if dot != nil {
		a.dot = credential.New(dot, a.logger.With("door", "dns over tls"))
	}
	if len(a.keepers()) > 0 {
		a.api.Gauge("consul.agent.tls.cert.expiry", a.untilCertificateEnds)
	}
	return nil
}

// credentials reads the files of the doors that there are; nil where there is
// none.
func (c Config) credentials() (https, dot *credential.Set, err error) {
	if c.HTTPSAddr != "" {
		if https, err = c.TLS.Read(); err != nil {
			return nil, nil, err
		}
	}
	if c.DNSTLSAddr != "" {
		if dot, err = c.DNSTLS.Read(); err != nil {
			return nil, nil, err
		}
	}
	return https, dot, nil
}

// renew puts what was read of a new configuration into force. Doors that it
// does not have stay as they are, and go on with what they have.
func (a *Agent) renew(https, dot *credential.Set) {
	if a.https != nil && https != nil {
		a.https.Put(https)
	}
	if a.dot != nil && dot != nil {
		a.dot.Put(dot)
	}
}

// keepers are those that there are.
func (a *Agent) keepers() (all []*credential.Keeper) {
	for _, keeper := range []*credential.Keeper{a.https, a.dot} {
		if keeper != nil {
			all = append(all, keeper)
		}
	}
	return all
}

// untilCertificateEnds is how many seconds the first of the certificates is
// valid for.
func (a *Agent) untilCertificateEnds() float64 {
	var first time.Time
	for _, keeper := range a.keepers() {
		if ends := keeper.Ends(); first.IsZero() || ends.Before(first) {
			first = ends
		}
	}
	return time.Until(first).Seconds()
}
