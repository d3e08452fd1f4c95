package discover

import (
	"os"
	"reflect"
	"testing"
	"time"
)

// FuzzKept: whatever is in the file of a kept list, it is refused, or it is a
// list that comes back when it is kept again.
func FuzzKept(f *testing.F) {
	for _, seed := range []string{
		`{"Form":1,"Query":{"Service":"web"},"Confirmed":"2026-11-22T23:00:00Z","Instances":[{"ID":"a","Reason":"r","Locality":{"Region":"x"}}],"Unhealthy":[]}`,
		`{"Form":2}`, `null`, `{`, ``, `{"Form":1,"Query":{"Service":"db"}}`, `{"Form":1,"Query":{"Service":"web"},"Confirmed":"0001-01-01T00:00:00Z"}`,
	} {
		f.Add([]byte(seed))
	}
	q := Query{Service: "web"}
	now := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte) {
		in := folder(t.TempDir())
		if err := os.WriteFile(in.file(q), text, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := in.load(q, now)
		switch {
		case err != nil || s.Index == 0:
			if s.Known() != 0 {
				t.Errorf("refused with %v, and has %+v", err, s)
			}
			return
		case now.Sub(s.Confirmed) > tooOld || s.Confirmed.After(now):
			t.Errorf("taken though it is of %s", s.Confirmed)
		}
		if err := in.save(q, s); err != nil {
			t.Fatal(err)
		}
		again, err := in.load(q, now)
		if err != nil || !again.Confirmed.Equal(s.Confirmed) || !reflect.DeepEqual(again.Instances, s.Instances) || !reflect.DeepEqual(again.Unhealthy, s.Unhealthy) {
			t.Errorf("kept %+v, got %+v, %v", s, again, err)
		}
	})
}
