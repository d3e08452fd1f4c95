// Package archive is the file in which a registry's state is kept apart from
// it: a saved state (see package state) in a wrapping that the tools around
// Consul know. `consul snapshot save` takes it for whole, and a Consul that is
// to restore it refuses it without harm.
//
// It writes and reads, and changes no registry. It does not understand what a
// Consul saved: that is internal to Consul.
package archive

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/realjf/muster/agent/state"
)

// The files in an archive, in their order. Consul's tools want these and no
// other.
const (
	metaFile  = "meta.json"
	stateFile = "state.bin"
	sumsFile  = "SHA256SUMS"
)

// foreign is the version that an archive gives itself for Consul's eyes: one
// that no Consul has, so that none tries to restore it.
const foreign = 1_000_001

// Meta is what an archive says of itself.
type Meta struct {
	Version int    // foreign
	ID      string // tells archives apart
	Index   uint64 // of the last write
	Term    uint64 // always 0: of Consul's elections
	Size    int64  // of the state, in bytes
	Muster  string // the version of the muster that saved it
	Saved   time.Time
}

// ErrConsul reports an archive that a Consul saved.
var ErrConsul = errors.New("it is a snapshot of Consul's, which only a Consul can restore")

// Write writes a snapshot. The state is encoded twice, once to know its
// size, which stands before it: so it is never held as a whole. version is that
// of muster. The error is the writer's.
func Write(out io.Writer, snapshot *state.Snapshot, version string) error {
	var size count
	if err := snapshot.Save(&size); err != nil {
		return err
	}
	now := time.Now().UTC()
	meta, err := json.Marshal(Meta{
		Version: foreign, ID: fmt.Sprintf("muster-%d-%d", snapshot.Index(), now.UnixMilli()),
		Index: snapshot.Index(), Size: int64(size), Muster: version, Saved: now,
	})
	if err != nil {
		return err
	}
	// Speed before size: what there is to gain comes with the first effort.
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	files := tar.NewWriter(zip)
	sums := ""
	add := func(name string, size int64, write func(io.Writer) error) error {
		if err := files.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: now}); err != nil {
			return err
		}
		sum := sha256.New()
		if err := write(io.MultiWriter(files, sum)); err != nil {
			return err
		}
		sums += sumLine(sum, name)
		return nil
	}
	text := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	if err := add(metaFile, int64(len(meta)), text(string(meta))); err != nil {
		return err
	}
	if err := add(stateFile, int64(size), snapshot.Save); err != nil {
		return err
	}
	if err := add(sumsFile, int64(len(sums)), text(sums)); err != nil {
		return err
	}
	return errors.Join(files.Close(), zip.Close())
}

// count counts the bytes that are written to it.
type count int64

func (c *count) Write(p []byte) (int, error) {
	*c += count(len(p))
	return len(p), nil
}

// sumLine is the line of a file in SHA256SUMS.
func sumLine(sum hash.Hash, name string) string {
	return hex.EncodeToString(sum.Sum(nil)) + "  " + name + "\n"
}

// Bounds on the small files, which are held as a whole.
const (
	maxMeta = 64 << 10
	maxSums = 4 << 10
)

// maxPadding is what may be behind the last file: tar fills up its last block,
// and some tools write blocks of many KiB.
const maxPadding = 1 << 20

// ErrTooLarge reports an archive whose state is larger than it may be.
var ErrTooLarge = errors.New("its state is too large")

// Read reads an archive to its end. Its state, which is held as a whole, may
// have most bytes: an archive is compressed, and a small one can say much. The
// error is the reader's, [ErrConsul], [ErrTooLarge], or says what is wrong with
// it.
func Read(in io.Reader, most int64) (*state.Saved, Meta, error) {
	var meta Meta
	zip, err := gzip.NewReader(bufio.NewReader(in))
	if err != nil {
		return nil, meta, fmt.Errorf("failed to decompress snapshot: %w", err)
	}
	saved, err := readFiles(tar.NewReader(zip), &meta, most)
	if err != nil {
		return nil, meta, fmt.Errorf("failed to read snapshot file: %w", err)
	}
	// What is behind the last file is padding; the end of it has a checksum.
	switch n, err := io.Copy(io.Discard, io.LimitReader(zip, maxPadding+1)); {
	case err != nil:
		return nil, meta, fmt.Errorf("failed to read snapshot file: %w", err)
	case n > maxPadding:
		return nil, meta, errors.New("failed to read snapshot file: there is more behind the last file")
	}
	return saved, meta, nil
}

// readFiles reads the files of an archive and compares their checksums.
func readFiles(files *tar.Reader, meta *Meta, most int64) (*state.Saved, error) {
	metaSum, stateSum := sha256.New(), sha256.New()
	if _, err := next(files, metaFile); err != nil {
		return nil, err
	}
	text, err := small(io.TeeReader(files, metaSum), maxMeta)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, meta); err != nil {
		return nil, fmt.Errorf("%s: %w", metaFile, err)
	}
	if meta.Version != foreign {
		return nil, ErrConsul
	}
	size, err := next(files, stateFile)
	switch {
	case err != nil:
		return nil, err
	case size > most: // the reader gives no more than the file says it has
		return nil, fmt.Errorf("%w: %d bytes, and %d are the most", ErrTooLarge, size, most)
	}
	saved, err := state.Load(io.TeeReader(files, stateSum))
	if err != nil {
		return nil, err
	}
	if _, err := next(files, sumsFile); err != nil {
		return nil, err
	}
	sums, err := small(files, maxSums)
	if err != nil {
		return nil, err
	}
	if string(sums) != sumLine(metaSum, metaFile)+sumLine(stateSum, stateFile) {
		return nil, errors.New("the checksums are others: it was changed or damaged")
	}
	if end, err := files.Next(); err == nil {
		return nil, fmt.Errorf("there is one more file, %q", end.Name)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return saved, nil
}

// next goes to the next file, which must have the name, and returns its size.
func next(files *tar.Reader, name string) (size int64, err error) {
	header, err := files.Next()
	switch {
	case errors.Is(err, io.EOF):
		return 0, fmt.Errorf("%s is missing: %w", name, io.ErrUnexpectedEOF)
	case err != nil:
		return 0, err
	case header.Name != name:
		return 0, fmt.Errorf("it has a file %q where %s should be", header.Name, name)
	}
	return header.Size, nil
}

// small reads a file that has no more bytes than bound.
func small(file io.Reader, bound int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(file, bound+1))
	if err == nil && int64(len(text)) > bound {
		err = fmt.Errorf("a file has more than %d bytes", bound)
	}
	return text, err
}
