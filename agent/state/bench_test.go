package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
)

// BenchmarkSaved saves and loads 100,000 instances with a check each.
func BenchmarkSaved(b *testing.B) {
	s := New()
	for n := range 100_000 {
		node, id := fmt.Sprintf("node-%d", n/100), fmt.Sprintf("web-%d", n)
		if err := s.Write(func(w *Writer) error {
			return errors.Join(
				w.PutNode(Node{Node: node, Address: "10.0.0.1"}),
				w.PutService(Service{Node: node, ID: id, Service: fmt.Sprintf("web-%d", n%500), Tags: []string{"v1"}, Port: 80}),
				w.PutCheck(Check{Node: node, CheckID: "service:" + id, Status: Passing, ServiceID: id}))
		}); err != nil {
			b.Fatal(err)
		}
	}
	file := save(b, s.Snapshot())
	b.Run("save", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			if err := s.Snapshot().Save(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("load", func(b *testing.B) {
		b.SetBytes(int64(len(file)))
		for b.Loop() {
			if _, err := Load(bytes.NewReader(file)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// What one registration and one look at a service cost does not depend on how
// much is there.
func BenchmarkGrowth(b *testing.B) {
	for _, there := range []int{1_000, 10_000, 100_000} {
		s := New()
		if err := s.Write(func(w *Writer) error { w.PutNode(Node{Node: "n"}); return nil }); err != nil {
			b.Fatal(err)
		}
		put := func(b *testing.B, n int) {
			b.Helper()
			if err := s.Write(func(w *Writer) error {
				return w.PutService(Service{Node: "n", ID: fmt.Sprintf("web-%d-%08d", n%(there/10), n), Service: fmt.Sprintf("web-%d", n%(there/10)), Port: n})
			}); err != nil {
				b.Fatal(err)
			}
		}
		for n := range there {
			put(b, n)
		}
		b.Run(fmt.Sprintf("register/there=%d", there), func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				// Of an instance that is there, so that there are as many after it.
				if err := s.Write(func(w *Writer) error {
					return w.PutService(Service{Node: "n", ID: fmt.Sprintf("web-%d-%08d", n%(there/10), n%there), Service: fmt.Sprintf("web-%d", n%(there/10)), Port: -n})
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("instances/there=%d", there), func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if got := len(s.Snapshot().Instances(fmt.Sprintf("web-%d", n%(there/10)))); got != 10 {
					b.Fatalf("%d instances, want 10", got)
				}
			}
		})
	}
}

// forgetful is a keeper that keeps nothing.
type forgetful struct{}

func (forgetful) Ready(*Snapshot) error        { return nil }
func (forgetful) Keep(*Snapshot, []byte) error { return nil }
func (forgetful) Replace(*Snapshot) error      { return nil }

// BenchmarkKept is what a write costs beyond one in memory where its commit is
// kept, the disk itself aside.
func BenchmarkKept(b *testing.B) {
	for name, s := range map[string]*Store{"memory": New(), "kept": Resume(Blank(), forgetful{})} {
		if err := s.Write(func(w *Writer) error { return w.PutNode(Node{Node: "n", Address: "10.0.0.1"}) }); err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := s.Write(func(w *Writer) error {
					return w.PutService(Service{Node: "n", ID: fmt.Sprintf("web-%d", n%1000), Service: "web", Tags: []string{"blue", "http"}, Address: "10.1.0.16", Port: n,
						TaggedAddresses: map[string]ServiceAddress{"lan_ipv4": {"10.1.0.16", 12000}, "wan_ipv4": {"10.1.0.16", 12000}},
						Meta:            map[string]string{"version": "", "zone": "a"}, Announced: true})
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
