package api

import (
	"net/http"
	"net/http/httptest"
	"testing"
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
		{1, 1, 1}, // its connection has them
		{2, 3, 0},
	} {
		w := &deadlines{}
		n, err := inTime(w, &http.Request{ProtoMajor: tc.version}).Write(body)
		if err != nil || n != len(body) || len(w.pieces) != tc.pieces || w.open != tc.open {
			t.Errorf("HTTP/%d: wrote %d, %v, in pieces %v, %d without a deadline", tc.version, n, err, w.pieces, w.open)
		}
		if !w.now.IsZero() {
			t.Errorf("HTTP/%d: the deadline stays when nothing is written", tc.version)
		}
	}
}
