package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// deadlines is a writer that notes which deadline each piece had.
type deadlines struct {
	httptest.ResponseRecorder
	now    time.Time
	pieces []int
	open   int // pieces that had none
}

func (d *deadlines) SetWriteDeadline(t time.Time) error { d.now = t; return nil }

func (d *deadlines) Write(p []byte) (int, error) {
	d.pieces = append(d.pieces, len(p))
	if d.now.IsZero() {
		d.open++
	}
	return len(p), nil
}

func TestPiecesOfAStreamHaveDeadlines(t *testing.T) {
	body := make([]byte, 2*pieceSize+1)
	for _, tc := range []struct{ version, pieces, open int }{
		{1, 3, 3}, // its connection has them
		{2, 3, 0},
	} {
		w := &deadlines{}
		n, err := inTime(w, &http.Request{ProtoMajor: tc.version}, false).Write(body)
		if err != nil || n != len(body) || len(w.pieces) != tc.pieces || w.open != tc.open {
			t.Errorf("HTTP/%d: wrote %d, %v, in pieces %v, %d without a deadline", tc.version, n, err, w.pieces, w.open)
		}
		if !w.now.IsZero() {
			t.Errorf("HTTP/%d: the deadline stays when nothing is written", tc.version)
		}
	}
}

// slowly is a writer that takes a piece in so long.
type slowly struct {
	httptest.ResponseRecorder
	piece time.Duration
}

func (s *slowly) Write(p []byte) (int, error) {
	time.Sleep(s.piece)
	return len(p), nil
}

// TestAnswersAreTakenInTime: at leastRate, but for patienceTime.
func TestAnswersAreTakenInTime(t *testing.T) {
	const fair = pieceSize * time.Second / leastRate
	for _, tc := range []struct {
		name    string
		piece   time.Duration
		endless bool
		written int
		err     error
	}{
		{"at the least rate", fair, false, 1000, nil},
		{"too slow", 25 * fair, false, 3, errTooSlow}, // 37.5 s, of 31.5
		{"without an end", 20 * fair, true, 1000, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := inTime(&slowly{piece: tc.piece}, &http.Request{ProtoMajor: 1}, tc.endless)
				n, err := w.Write(make([]byte, 1000*pieceSize))
				if n != tc.written*pieceSize || err != tc.err {
					t.Errorf("wrote %d pieces, %v; want %d, %v", n/pieceSize, err, tc.written, tc.err)
				}
			})
		})
	}
}

// TestReadersWhoGiveWay: the next piece is not written.
func TestReadersWhoGiveWay(t *testing.T) {
	d := &deadlines{}
	w := inTime(d, &http.Request{ProtoMajor: 1}, false)
	w.reader = &reader{out: w.out}
	if n, err := w.Write(make([]byte, pieceSize+1)); n != pieceSize+1 || err != nil || w.reader.bytes.Load() != pieceSize+1 {
		t.Errorf("before: wrote %d, %v, %d bytes are known", n, err, w.reader.bytes.Load())
	}
	now := time.Now()
	w.reader.giveWay(now)
	if n, err := w.Write(make([]byte, 10)); n != 0 || err != errGaveWay {
		t.Errorf("after: wrote %d, %v", n, err)
	}
	if !d.now.Before(now) || d.now.IsZero() {
		t.Errorf("a write that is under way waits until %v", d.now)
	}
}
