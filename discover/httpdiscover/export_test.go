package httpdiscover

// InDoubt returns how many instances of the services of that name are in doubt.
func (t *Transport) InDoubt(name string) (n int) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	for q, s := range t.services {
		if q.Service != name {
			continue
		}
		s.mu.RLock()
		for _, p := range s.pools {
			if p.doubt.raised() {
				n++
			}
		}
		s.mu.RUnlock()
	}
	return n
}
