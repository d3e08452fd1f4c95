package journal

import (
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/inorder"
)

// The log beside bbolt, the embedded database that was the other choice. Each
// keeps what the same store commits: an instance for each writer.

// BenchmarkAppend is a commit that is acknowledged when it is on disk.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("log/writers=%d", writers), func(b *testing.B) {
			store, end := openLog(b, b.TempDir())
			share(b, writers, func(n uint64) error { return store.Write(arrives(n)) })
			end()
		})
		b.Run(fmt.Sprintf("bbolt/writers=%d", writers), func(b *testing.B) {
			db := openBolt(b, b.TempDir())
			store := state.Resume(state.Blank(), &boltKeeper{db: db})
			share(b, writers, func(n uint64) error { return store.Write(arrives(n)) })
			check(b, db.Close())
		})
	}
}

// BenchmarkReopen is a start with 100,000 instances there, to the state in
// memory.
func BenchmarkReopen(b *testing.B) {
	const rows = 100_000
	texts := commits(b, rows)
	b.Run("log", func(b *testing.B) {
		dir := b.TempDir()
		_, end := openLog(b, dir)
		end()
		d, err := openFolder(dir)
		check(b, err)
		log, err := d.create(logName(1))
		check(b, err)
		for _, record := range append([][]byte{headOf(0)}, texts...) {
			_, err := log.Write(framed(record))
			check(b, err)
		}
		check(b, log.Close())
		check(b, d.close())
		for b.Loop() {
			check(b, os.RemoveAll(filepath.Join(dir, logName(2)))) // what the last one began
			j, saved, err := Open(dir, Config{})
			check(b, err)
			holds(b, saved, rows)
			check(b, j.Close())
		}
	})
	b.Run("bbolt", func(b *testing.B) {
		dir := b.TempDir()
		db := openBolt(b, dir)
		check(b, db.Update(func(tx *bolt.Tx) error {
			for n, text := range texts {
				if err := puts(uint64(n), text)(tx); err != nil {
					return err
				}
			}
			return nil
		}))
		check(b, db.Close())
		for b.Loop() {
			db := openBolt(b, dir)
			saved := state.Blank()
			check(b, db.View(func(tx *bolt.Tx) error { return readBolt(tx, saved) }))
			holds(b, saved, rows)
			check(b, db.Close())
		}
	})
}

// arrives registers the n-th instance.
func arrives(n uint64) func(*state.Writer) error {
	return func(w *state.Writer) error {
		if w.Node("n1") == nil {
			if err := w.PutNode(state.Node{Node: "n1", Address: "10.0.0.1"}); err != nil {
				return err
			}
		}
		address := state.ServiceAddress{Address: fmt.Sprintf("10.1.%d.%d", n/250%250, n%250), Port: 12000}
		return w.PutService(state.Service{
			Node: "n1", ID: fmt.Sprintf("web-%d-%06d", n%100, n), Service: fmt.Sprintf("web-%d", n%100), Address: address.Address, Port: address.Port,
			Tags: []string{"blue", "http"}, Meta: map[string]string{"version": "", "zone": "a"},
			TaggedAddresses: map[string]state.ServiceAddress{"lan_ipv4": address, "wan_ipv4": address},
			Weights:         state.Weights{Passing: 1, Warning: 1}, Announced: true,
		})
	}
}

// share has writers call write until it was called b.N times.
func share(b *testing.B, writers int, write func(n uint64) error) {
	b.Helper()
	var next atomic.Uint64
	var all sync.WaitGroup
	b.ResetTimer()
	for range writers {
		all.Go(func() { // ends by itself; awaited below
			for n := next.Add(1) - 1; n < uint64(b.N); n = next.Add(1) - 1 {
				if err := write(n); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
}

func openLog(b *testing.B, dir string) (store *state.Store, end func()) {
	b.Helper()
	j, saved, err := Open(dir, Config{})
	check(b, err)
	return state.Resume(saved, j), func() { check(b, j.Close()) }
}

func openBolt(b *testing.B, dir string) *bolt.DB {
	b.Helper()
	db, err := bolt.Open(filepath.Join(dir, "bolt"), 0o600, nil)
	check(b, err)
	check(b, db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(commitsBucket)
		return err
	}))
	return db
}

var commitsBucket = []byte("commits")

// boltKeeper keeps commits in bbolt.
type boltKeeper struct {
	db *bolt.DB
	n  uint64
}

func (*boltKeeper) Ready(*state.Snapshot) error   { return nil }
func (*boltKeeper) Replace(*state.Snapshot) error { return nil }
func (k *boltKeeper) Keep(_ *state.Snapshot, commit []byte) error {
	k.n++
	return k.db.Update(puts(k.n, commit))
}

// puts stores the text of the n-th commit.
func puts(n uint64, text []byte) func(*bolt.Tx) error {
	return func(tx *bolt.Tx) error {
		return tx.Bucket(commitsBucket).Put(binary.BigEndian.AppendUint64(nil, n), text)
	}
}

// readBolt makes the commits that are stored, as the log's are made.
func readBolt(tx *bolt.Tx, saved *state.Saved) error {
	rows := tx.Bucket(commitsBucket).Cursor()
	_, text := rows.First()
	return inorder.Each(func() (batch, error) {
		var b batch
		for ; text != nil && len(b.text) < batchBytes; _, text = rows.Next() {
			b.text = append(b.text, text...)
			b.ends = append(b.ends, len(b.text))
		}
		if len(b.ends) == 0 {
			return b, io.EOF
		}
		return b, nil
	}, batch.commits, func(all []kept) error {
		for _, c := range all {
			if c.err != nil {
				return c.err
			}
			if err := saved.Redo(c.commit); err != nil {
				return err
			}
		}
		return nil
	})
}

// taken is a keeper that takes the texts of commits down.
type taken struct{ texts [][]byte }

func (*taken) Ready(*state.Snapshot) error   { return nil }
func (*taken) Replace(*state.Snapshot) error { return nil }
func (t *taken) Keep(_ *state.Snapshot, commit []byte) error {
	t.texts = append(t.texts, append([]byte(nil), commit...))
	return nil
}

// commits returns the texts of the first commits.
func commits(b *testing.B, count int) [][]byte {
	b.Helper()
	t := &taken{}
	store := state.Resume(state.Blank(), t)
	for n := range count {
		check(b, store.Write(arrives(uint64(n))))
	}
	return t.texts
}

// holds looks whether all instances are there.
func holds(b *testing.B, saved *state.Saved, rows int) {
	b.Helper()
	if got := len(saved.Snapshot().Services()); got != rows {
		b.Fatalf("%d instances, want %d", got, rows)
	}
}
