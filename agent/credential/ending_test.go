package credential

import (
	"bytes"
	"crypto/x509"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestEnding(t *testing.T) {
	begins := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, tc := range []struct {
		name       string
		life, aged time.Duration
		want       ending
	}{
		{"before it begins", 365 * day, -time.Second, early},
		{"new", 365 * day, 0, far},
		{"two weeks before", 365 * day, 351 * day, far},
		{"less than two weeks before", 365 * day, 351*day + time.Second, soon},
		{"of a day, in the evening", day, 19 * time.Hour, far},
		{"of a day, shortly before", day, 20 * time.Hour, soon},
		{"at the end", day, day, over},
		{"long after", day, 9 * day, over},
	} {
		leaf := &x509.Certificate{NotBefore: begins, NotAfter: begins.Add(tc.life)}
		if got := endingOf(leaf, begins.Add(tc.aged)); got != tc.want {
			t.Errorf("%s: got %d, want %d", tc.name, got, tc.want)
		}
	}
}

// TestEndIsAnnounced: once a day, and when the end has come.
func TestEndIsAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		leaf := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now(), NotAfter: time.Now().Add(100 * time.Hour)}
		set := &Set{leaf: leaf}
		k := New(set, slog.New(slog.NewTextHandler(&log, nil)))
		for range 130 {
			time.Sleep(time.Hour)
			k.remind(set)
		}
		// Soon is after 80 hours; it ends after 100.
		if soon, ended := strings.Count(log.String(), "ends soon"), strings.Count(log.String(), "has ended"); soon != 1 || ended != 2 {
			t.Errorf("that it ends was said %d times, that it ended %d times, want 1 and 2:\n%s", soon, ended, log.String())
		}
		k.Put(&Set{print: print{1}, leaf: &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(100 * time.Hour)}})
		k.remind(k.current.Load())
		if got := strings.Count(log.String(), "not valid yet"); got != 1 {
			t.Errorf("that it has not begun was said %d times, want once:\n%s", got, log.String())
		}
	})
}
