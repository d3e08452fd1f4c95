package api

import "testing"

func TestMustRevalidate(t *testing.T) {
	for control, want := range map[string]string{
		"": "no", ",": "no", "no-cache": "no", "max-age": "no", "max-age=5": "no", "max-age=-1": "no", "public;max-age=x": "no",
		"max-age=1, stale-if-error=5": "no", "stale-if-error=0": "no",
		"must-revalidate": "yes", "MUST-REVALIDATE": "yes", "max-age=0": "yes", "max-age=0, stale-if-error=9": "yes", "public, must-revalidate": "yes",
		"max-age=x": "error", " max-age=": "error", "max-age=\"5\"": "error", "stale-if-error=x": "error", "must-revalidate, max-age=x": "error",
		"max-age=99999999999999999999": "error", "MAX-AGE=x": "error",
	} {
		got := "no"
		if must, err := mustRevalidate(control); err != nil {
			got = "error"
		} else if must {
			got = "yes"
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", control, got, want)
		}
	}
}
