package api

import (
	"net/url"
	"testing"
)

func TestAnswerKeyTellsQuestionsApart(t *testing.T) {
	for _, test := range []struct {
		name string
		a, b string
		same bool
	}{
		{"other paths", "/v1/kv/a", "/v1/kv/b", false},
		{"a parameter that tells", "/v1/kv/a", "/v1/kv/a?raw", false},
		{"other values", "/v1/catalog/nodes?filter=a", "/v1/catalog/nodes?filter=b", false},
		{"a value that reads like a parameter", "/v1/catalog/nodes?filter=a&near=b", "/v1/catalog/nodes?filter=a%26near%3Db", false},
		{"a value with a zero byte", "/v1/catalog/nodes?filter=a&near=b", "/v1/catalog/nodes?filter=a%00near%3Db", false},
		{"a key that reads like a parameter", "/v1/kv/a?raw=", "/v1/kv/a%3Fraw=", false},
		{"tags in another order", "/v1/health/service/web?tag=a&tag=b", "/v1/health/service/web?tag=b&tag=a", false},
		{"parameters in another order", "/v1/health/service/web?tag=a&passing", "/v1/health/service/web?passing&tag=a", true},
		{"parameters that tell nothing", "/v1/kv/a?index=7&wait=5s&stale", "/v1/kv/a", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := keyOf(t, test.a) == keyOf(t, test.b); got != test.same {
				t.Errorf("%s and %s have the same key: %t, want %t", test.a, test.b, got, test.same)
			}
		})
	}
}

func keyOf(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return answerKey(u.Path, u.Query())
}
