package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// reads has a reader take a body of so many MiB.
func (t *taking) reads(mib int) (*reader, error) {
	return t.begin(make([]byte, mib<<20), http.NewResponseController(httptest.NewRecorder()))
}

func TestSmallAnswersDoNotCount(t *testing.T) {
	all := newTaking(0)
	for _, body := range [][]byte{nil, make([]byte, largeAnswer)} {
		if r, err := all.begin(body, nil); r != nil || err != nil {
			t.Errorf("%d bytes: got %v, %v", len(body), r, err)
		}
	}
	all.end(nil)
}

// TestSlowestReadersGiveWay: those who keep up never do, and whoever came just
// now is waited for.
func TestSlowestReadersGiveWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTaking(100 << 20)
		var taking [3]*reader
		for n := range taking {
			var err error
			if taking[n], err = all.reads(30); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := all.reads(30); err != errBusy {
			t.Fatalf("all readers are new: got %v, want errBusy", err)
		}
		time.Sleep(10 * time.Second)
		for n, rate := range []int{keepsUp - 1, keepsUp - 2, keepsUp} {
			taking[n].took(10 * rate)
		}
		if _, err := all.reads(90); err != errBusy {
			t.Fatalf("there cannot be room: got %v, want errBusy", err)
		}
		for _, want := range [][3]bool{{false, false, false}, {false, true, false}, {true, true, false}} {
			for n, r := range taking {
				if r.gaveWay() != want[n] {
					t.Errorf("reader %d gave way: %t", n, r.gaveWay())
				}
			}
			if want[0] {
				break
			}
			if _, err := all.reads(30); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := all.reads(30); err != errBusy {
			t.Errorf("all that are left keep up: got %v, want errBusy", err)
		}
		for _, r := range taking {
			all.end(r)
		}
		if all.bytes != 60<<20 {
			t.Errorf("%d bytes are counted at the end, want those of two readers", all.bytes)
		}
	})
}

// TestSharedAnswersCountOnce: and they give way only when all their readers are
// slow.
func TestSharedAnswersCountOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTaking(100 << 20)
		body := make([]byte, 60<<20)
		var sharing [3]*reader
		for n := range sharing {
			var err error
			if sharing[n], err = all.begin(body, http.NewResponseController(httptest.NewRecorder())); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Second)
		sharing[0].took(len(body))
		if _, err := all.reads(60); err != errBusy {
			t.Errorf("one of them keeps up: got %v, want errBusy", err)
		}
		all.end(sharing[0])
		other, err := all.reads(60)
		if err != nil || !sharing[1].gaveWay() || !sharing[2].gaveWay() {
			t.Errorf("the others are slow: got %v", err)
		}
		all.end(sharing[1])
		all.end(other)
		all.end(sharing[2])
		if all.bytes != 0 || len(all.taken) != 0 {
			t.Errorf("%d bytes of %d answers are counted at the end", all.bytes, len(all.taken))
		}
	})
}

// TestLargestAnswerFits: what has no room at all is sent alone.
func TestLargestAnswerFits(t *testing.T) {
	all := newTaking(1 << 20)
	r, err := all.reads(2)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := all.reads(2); err != errBusy {
		t.Errorf("beside it: got %v, want errBusy", err)
	}
	all.end(r)
	if _, err := all.reads(2); err != nil {
		t.Errorf("after it: got %v", err)
	}
}

// TestNoRoomForAnAnswer: who asks is told so as by a registry that is busy, and
// small answers go on.
func TestNoRoomForAnAnswer(t *testing.T) {
	d := open(t, Config{})
	d.put("/v1/kv/large", string(make([]byte, 2*largeAnswer)))
	other, err := d.api.taking.reads(roomForAnswers >> 20)
	if err != nil {
		t.Fatal(err)
	}
	got := d.get("/v1/kv/large?raw")
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" || got.header.Get("X-Consul-Index") != "" {
		t.Errorf("got %d with %v", got.status, got.header)
	}
	if got := d.get("/v1/catalog/datacenters"); got.status != http.StatusOK {
		t.Errorf("a small answer: %d", got.status)
	}
	made := d.api.answers.slot("/v1/kv/large\x00raw=").answer.Load()
	d.put("/v1/kv/large", string(make([]byte, 2*largeAnswer)))
	if got := d.get("/v1/kv/large?raw"); got.status != http.StatusServiceUnavailable {
		t.Errorf("of a change: got %d", got.status)
	}
	if made == nil || made != d.api.answers.slot("/v1/kv/large\x00raw=").answer.Load() {
		t.Errorf("an answer that nobody could take was made")
	}
	d.api.taking.end(other)
	if got := d.get("/v1/kv/large?raw"); got.status != http.StatusOK || len(got.body) != 2*largeAnswer {
		t.Errorf("with room again: %d, %d bytes", got.status, len(got.body))
	}
	if d.api.taking.bytes != 0 {
		t.Errorf("%d bytes are counted at the end", d.api.taking.bytes)
	}
}
