package credential

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// every is how often the files are looked at. There are few, and small ones: to
// read them costs less than to find out on every system whether they changed.
const every = 5 * time.Second

// Keeper has the set in force. It is safe for concurrent use.
type Keeper struct {
	logger  *slog.Logger
	current atomic.Pointer[Set]

	mu       sync.Mutex
	refused  string    // why the files cannot be used, as it was logged; empty when they can
	told     ending    // what was last said of the end of the certificate
	reminded time.Time // and when
}

// New returns a keeper of a set, which it logs.
func New(set *Set, logger *slog.Logger) *Keeper {
	k := &Keeper{logger: logger}
	k.put(set, "certificate is in use")
	return k
}

// Put puts another set into force. Connections that are open stay.
func (k *Keeper) Put(set *Set) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current.Load().print == set.print {
		k.current.Store(set) // with other settings, perhaps
		return
	}
	k.put(set, "certificate is renewed")
}

func (k *Keeper) put(set *Set, message string) {
	k.current.Store(set)
	k.refused, k.told = "", far
	k.logger.Info(message, "file", set.settings.Cert, "serial", set.leaf.SerialNumber.Text(16), "ends", date(set.leaf.NotAfter))
	k.remind(set)
}

// Server returns how a door speaks TLS: each handshake with the set in force
// then. The protocols are what is spoken over it (ALPN).
func (k *Keeper) Server(protocols ...string) *tls.Config {
	return &tls.Config{
		NextProtos: protocols, MinVersion: tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			config := k.current.Load().config.Clone()
			config.NextProtos = protocols
			return config, nil
		},
	}
}

// Ends returns when the certificate in force ends.
func (k *Keeper) Ends() time.Time { return k.current.Load().leaf.NotAfter }

// Run looks at the files until ctx ends, and at whether the certificate ends
// soon. What a changed file holds is in force within seconds. Files that cannot
// be used are logged once, until they are others.
func (k *Keeper) Run(ctx context.Context) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			k.look()
		}
	}
}

func (k *Keeper) look() {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.current.Load()
	next, err := now.settings.Read()
	switch {
	case err != nil && err.Error() != k.refused:
		k.refused = err.Error()
		k.logger.Error("certificate stays as it was: its files cannot be used", "error", err, "ends", date(now.leaf.NotAfter))
	case err != nil:
		// which was said
	case next.print != now.print:
		k.put(next, "certificate is renewed")
		return
	case k.refused != "":
		k.refused = ""
		k.logger.Info("certificate is in its files again", "file", now.settings.Cert)
	}
	k.remind(now)
}

func date(t time.Time) string { return t.UTC().Format(time.RFC3339) }
