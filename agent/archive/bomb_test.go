package archive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

// blanks is a text of n blanks that nobody holds.
type blanks int64

func (b *blanks) Read(p []byte) (int, error) {
	if *b <= 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), int64(*b)))
	for i := range p[:n] {
		p[i] = ' '
	}
	*b -= blanks(n)
	return n, nil
}

// bomb returns an archive whose files are blank from some byte on, of which one
// has a size of its own, and that has more behind its end.
func bomb(t *testing.T, name string, size, behind int64) io.Reader {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	files := tar.NewWriter(zip)
	for _, file := range []struct{ name, text string }{
		{metaFile, fmt.Sprintf(`{"Version":%d}`, foreign)}, {stateFile, "muster-state {\"Version\":1,\"Index\":1}\nnodes "}, {sumsFile, ""},
	} {
		all := int64(len(file.text))
		if file.name == name {
			all = size
		}
		rest := blanks(all - int64(len(file.text)))
		err := files.WriteHeader(&tar.Header{Name: file.name, Mode: 0o600, Size: all})
		if err == nil {
			_, err = io.Copy(files, io.MultiReader(strings.NewReader(file.text), &rest))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	padding := blanks(behind)
	_, err := io.Copy(zip, &padding)
	if err := errors.Join(err, files.Flush(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return &out
}

// TestBombs reads archives that are small and say much: they take little memory
// before they are refused.
func TestBombs(t *testing.T) {
	const much, bound = 16 << 20, 8 << 20
	for name, c := range map[string]struct {
		file io.Reader
		want string
	}{
		"a large meta":  {bomb(t, metaFile, much, 0), "a file has more than 65536 bytes"},
		"a large state": {bomb(t, stateFile, much, 0), "its state is too large: 16777216 bytes, and 1048576 are the most"},
		"large sums":    {bomb(t, sumsFile, much, 0), "line 2: it breaks off"},
		"much behind":   {bomb(t, "", 0, much), "line 2: it breaks off"},
		"a blank meta":  {packed(t, metaFile, strings.Repeat(" ", maxMeta)), "meta.json: unexpected end"},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := Read(c.file, enough)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > bound {
			t.Errorf("%s: took %d bytes of memory, want %d at most", name, took, bound)
		}
	}
}

// TestMuchBehindTheEnd: what is behind the last file is counted too.
func TestMuchBehindTheEnd(t *testing.T) {
	snapshot, _ := aState(t)
	var file bytes.Buffer
	if err := Write(&file, snapshot, "v1"); err != nil {
		t.Fatal(err)
	}
	var more bytes.Buffer
	zip := gzip.NewWriter(&more)
	padding := blanks(16 << 20)
	if _, err := io.Copy(zip, &padding); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	// Members of gzip in a row are one text.
	_, _, err := Read(io.MultiReader(&file, &more), enough)
	if err == nil || !strings.Contains(err.Error(), "there is more behind the last file") {
		t.Errorf("got %v", err)
	}
}

// FuzzRead: whatever an archive says, it is refused, or it is a state that can
// be written and read again; and it takes no more memory than its size allows.
func FuzzRead(f *testing.F) {
	store, text := aState(f)
	var file bytes.Buffer
	if err := Write(&file, store, "v1"); err != nil {
		f.Fatal(err)
	}
	meta := fmt.Sprintf(`{"Version":%d}`, foreign)
	f.Add([]byte(nil), meta, text, stateFile, "")
	f.Add([]byte(nil), `{"Version":1}`, "", stateFile, "")
	f.Add([]byte(nil), meta, "muster-state {}\n", "x", "more")
	f.Add(file.Bytes(), "", "", "", "")
	f.Add(file.Bytes()[:100], "", "", "", "")
	f.Fuzz(func(t *testing.T, raw []byte, meta, text, name, behind string) {
		if len(raw) == 0 { // as it would be if it were written, with sums that fit
			raw = whole(t, meta, text, name, behind)
		}
		const most = 1 << 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, _, err := Read(bytes.NewReader(raw), most)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%d bytes took %d of memory", len(raw), took)
		}
		if err != nil {
			if err.Error() == "" {
				t.Error("an error that says nothing")
			}
			return
		}
		var again bytes.Buffer
		if err := Write(&again, got.Snapshot(), "v1"); err != nil {
			t.Fatal(err)
		}
		second, _, err := Read(&again, 8*most)
		if err != nil {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
		if first := saved(t, got.Snapshot()); saved(t, second.Snapshot()) != first {
			t.Errorf("got %s\nwant %s", saved(t, second.Snapshot()), first)
		}
	})
}

// whole returns an archive of three files, with checksums that fit, and what is
// behind it.
func whole(t *testing.T, meta, text, name, behind string) []byte {
	t.Helper()
	if strings.ContainsRune(name, 0) || strings.HasSuffix(name, "/") {
		t.Skip("no file in an archive has such a name")
	}
	sums := sumOf(metaFile, meta) + sumOf(stateFile, text)
	in := packed(t, metaFile, meta, name, text, sumsFile, sums)
	all, err := io.ReadAll(io.MultiReader(in, strings.NewReader(behind)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sumOf(name, text string) string {
	sum := sha256.New()
	sum.Write([]byte(text)) // never fails
	return sumLine(sum, name)
}
