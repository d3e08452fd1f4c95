package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

// enough is a size that no state here has.
const enough = 1 << 20

// aState returns a snapshot of a small registry, and what it is when saved.
func aState(t testing.TB) (*state.Snapshot, string) {
	t.Helper()
	store := state.New()
	if err := store.Write(func(w *state.Writer) error {
		w.PutNode(state.Node{Node: "n1", Address: "10.0.0.1"})
		w.Put("key", bytes.Repeat([]byte("value"), 1000), 0)
		return w.PutService(state.Service{Node: "n1", ID: "web", Service: "web"})
	}); err != nil {
		t.Fatal(err)
	}
	return store.Snapshot(), saved(t, store.Snapshot())
}

func saved(t testing.TB, s *state.Snapshot) string {
	t.Helper()
	var out strings.Builder
	if err := s.Save(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// restored returns what a state is when it was put into a registry.
func restored(t *testing.T, from *state.Saved) string {
	t.Helper()
	store := state.New()
	if err := store.Restore(from, func(*state.Writer) error { return nil }); err != nil {
		t.Fatal(err)
	}
	return saved(t, store.Snapshot())
}

// rows returns the lines of a saved state that are its rows.
func rows(saved string) string {
	_, rest, _ := strings.Cut(saved, "\n")
	all, _, _ := strings.Cut(rest, "\nend ")
	return all
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	snapshot, want := aState(t)
	var file bytes.Buffer
	if err := Write(&file, snapshot, "v1"); err != nil {
		t.Fatal(err)
	}
	got, meta, err := Read(&file, enough)
	if err != nil {
		t.Fatal(err)
	}
	if rows(restored(t, got)) != rows(want) {
		t.Errorf("got  %s\nwant %s", restored(t, got), want)
	}
	if meta.Index != snapshot.Index() || meta.Index != got.Index() || meta.Size != int64(len(want)) || meta.Muster != "v1" || meta.ID == "" || meta.Saved.IsZero() {
		t.Errorf("got %+v", meta)
	}
}

// TestBrokenArchives breaks an archive at every place: it is refused, or says
// the same as before.
func TestBrokenArchives(t *testing.T) {
	snapshot, want := aState(t)
	var out bytes.Buffer
	if err := Write(&out, snapshot, "v1"); err != nil {
		t.Fatal(err)
	}
	file := out.Bytes()
	for n := range file {
		if _, _, err := Read(bytes.NewReader(file[:n]), enough); err == nil {
			t.Fatalf("the first %d bytes of %d were taken for the whole", n, len(file))
		}
		flipped := bytes.Clone(file)
		flipped[n] ^= 4
		if got, _, err := Read(bytes.NewReader(flipped), enough); err == nil && rows(restored(t, got)) != rows(want) {
			t.Fatalf("a change of byte %d was not seen", n)
		}
	}
	if _, _, err := Read(io.MultiReader(bytes.NewReader(file), strings.NewReader("more")), enough); err == nil {
		t.Error("something behind the end was not seen")
	}
}

func TestArchiveOfConsul(t *testing.T) {
	file, err := os.ReadFile("testdata/consul-1.19.2.snap")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(bytes.NewReader(file), enough); !errors.Is(err, ErrConsul) {
		t.Errorf("got %v, want %v", err, ErrConsul)
	}
}

// packed returns an archive of files, each a name and its text.
func packed(t *testing.T, files ...string) io.Reader {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for n := 0; n < len(files); n += 2 {
		header := &tar.Header{Name: files[n], Mode: 0o600, Size: int64(len(files[n+1]))}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, files[n+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestStrangeArchives(t *testing.T) {
	_, text := aState(t)
	meta := fmt.Sprintf(`{"Version":%d}`, foreign)
	for name, c := range map[string]struct {
		file io.Reader
		want string
	}{
		"nothing":            {strings.NewReader(""), "failed to decompress snapshot: EOF"},
		"no archive":         {strings.NewReader("something else"), "failed to decompress snapshot: gzip: invalid header"},
		"an empty one":       {packed(t), "meta.json is missing"},
		"another file":       {packed(t, "a.txt", "a"), `it has a file "a.txt" where meta.json should be`},
		"no JSON":            {packed(t, metaFile, "{"), "meta.json: unexpected end of JSON input"},
		"a large meta":       {packed(t, metaFile, strings.Repeat(" ", maxMeta+1)), "a file has more than 65536 bytes"},
		"no state":           {packed(t, metaFile, meta), "state.bin is missing"},
		"a state of nobody":  {packed(t, metaFile, meta, stateFile, "text"), state.ErrNotSaved.Error()},
		"no checksums":       {packed(t, metaFile, meta, stateFile, text), "SHA256SUMS is missing"},
		"other checksums":    {packed(t, metaFile, meta, stateFile, text, sumsFile, "sums"), "the checksums are others"},
		"large checksums":    {packed(t, metaFile, meta, stateFile, text, sumsFile, strings.Repeat(" ", maxSums+1)), "a file has more than 4096 bytes"},
		"a state after more": {packed(t, metaFile, meta, "x", "", stateFile, text), `it has a file "x" where state.bin should be`},
	} {
		if _, _, err := Read(c.file, enough); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
}

// full is a disk with no room for more than a few bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	*f -= full(len(p))
	if *f < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("full")

func TestWriteTellsOfItsWriter(t *testing.T) {
	snapshot, _ := aState(t)
	var whole bytes.Buffer
	if err := Write(&whole, snapshot, "v1"); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < whole.Len()-20; n += 7 { // two archives may differ by a few bytes
		room := full(n)
		if err := Write(&room, snapshot, "v1"); !errors.Is(err, errFull) {
			t.Fatalf("with room for %d bytes: got %v", n, err)
		}
	}
}
