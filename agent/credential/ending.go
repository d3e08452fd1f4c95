package credential

import (
	"crypto/x509"
	"time"
)

// ending is how near the end of a certificate is.
type ending int

const (
	far ending = iota
	soon
	over
	early // it has not begun
)

// mostSoon is how long before its end a certificate is spoken of at the
// earliest.
const mostSoon = 14 * 24 * time.Hour

// endingOf returns how near the end is: soon is the last fifth of a life, and no
// more than two weeks, so that certificates that live for a day are spoken of
// only when nobody renewed them.
func endingOf(leaf *x509.Certificate, now time.Time) ending {
	left := leaf.NotAfter.Sub(now)
	switch {
	case left <= 0:
		return over
	case now.Before(leaf.NotBefore):
		return early
	case left < min(mostSoon, leaf.NotAfter.Sub(leaf.NotBefore)/5):
		return soon
	default:
		return far
	}
}

// again is after what time it is said once more.
const again = 24 * time.Hour

// remind warns of a certificate that ends soon, or ended, once a day.
func (k *Keeper) remind(set *Set) {
	now := time.Now()
	near := endingOf(set.leaf, now)
	if near == far || near == k.told && now.Sub(k.reminded) < again {
		return
	}
	k.told, k.reminded = near, now
	file, ends := set.settings.Cert, date(set.leaf.NotAfter)
	switch near {
	case over:
		k.logger.Error("certificate has ended, and clients that look will not connect: put a new one in its file", "file", file, "ended", ends)
	case soon:
		k.logger.Warn("certificate ends soon: put a new one in its file, which is read by itself", "file", file, "ends", ends, "left", set.leaf.NotAfter.Sub(now).Round(time.Minute))
	case early:
		k.logger.Warn("certificate is not valid yet: is a clock wrong?", "file", file, "begins", date(set.leaf.NotBefore))
	}
}
