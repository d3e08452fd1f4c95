package state

import "testing"

// TestAnnouncedServices: that a service is announced changes no answer, stays
// whoever writes the service, and is saved.
func TestAnnouncedServices(t *testing.T) {
	s := aNode(t)
	svc := Service{Node: "n1", ID: "web", Service: "web", Port: 80}
	register := func(change func(*Service)) {
		t.Helper()
		next := svc
		change(&next)
		write(t, s, func(w *Writer) error { return w.PutService(next) })
	}
	register(func(*Service) {})
	before, index := *s.Snapshot().Service("n1", "web"), s.Index(ServiceHealth("web"))
	if before.Announced {
		t.Error("what another registered is announced")
	}
	register(func(s *Service) { s.Announced = true })
	want := before
	want.Announced = true
	if got := s.Snapshot().Service("n1", "web"); !got.Announced || got.ModifyIndex != before.ModifyIndex || s.Index(ServiceHealth("web")) != index {
		t.Errorf("got %+v, want %+v, at the index of before", got, want)
	}
	for name, change := range map[string]func(*Service){
		"the same":    func(*Service) {},
		"another one": func(s *Service) { s.Port = 81 },
	} {
		register(change)
		if !s.Snapshot().Service("n1", "web").Announced {
			t.Errorf("%s, from another, is not announced any more", name)
		}
	}
	if back := load(t, save(t, s.Snapshot())).Snapshot().Service("n1", "web"); !back.Announced {
		t.Error("it is not saved")
	}
}
