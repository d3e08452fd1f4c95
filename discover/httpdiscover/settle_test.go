package httpdiscover

import "testing"

// A connection that took long to come about does not bring back the doubt that one
// begun later has settled, and settles no sign that came after its begin.
func TestSettle(t *testing.T) {
	var d doubt
	early := d.signs.Load()
	d.raise()
	late := d.signs.Load()
	if d.settle(early); !d.raised() {
		t.Error("not in doubt, though only a connection from before the sign was taken")
	}
	d.settle(late)
	if d.settle(early); d.raised() {
		t.Error("in doubt, though a connection was taken that was begun after the sign")
	}
}
