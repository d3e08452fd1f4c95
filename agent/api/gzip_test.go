package api

import "testing"

func TestTakesGzip(t *testing.T) {
	for accepted, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "gzip, deflate, br": true, "deflate, gzip": true, "gzip;q=0.5": true, " gzip ; q=1": true,
		"gzip;q=0": false, "gzip;q=0.0": false, "gzip;q=x": false, "br;q=1, gzip;q=0": false, "deflate": false, "identity": false, "*": false, "gzipped": false,
	} {
		if got := takesGzip(accepted); got != want {
			t.Errorf("%q: got %v, want %v", accepted, got, want)
		}
	}
}
