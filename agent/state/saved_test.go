package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/realjf/muster/agent/mesh"
)

// save returns a snapshot as it is saved.
func save(t interface{ Fatal(...any) }, s *Snapshot) []byte {
	var out bytes.Buffer
	if err := s.Save(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// load returns what was saved.
func load(t interface{ Fatal(...any) }, data []byte) *Saved {
	saved, err := Load(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return saved
}

func nothingMore(*Writer) error { return nil }

// TestEveryTableIsSaved: whoever adds a table gives it a name, or this fails.
func TestEveryTableIsSaved(t *testing.T) {
	all := newTables()
	names, tables := map[string]bool{}, map[kind]bool{}
	for name, table := range all.each {
		if names[name] || tables[table] || name == firstName || name == lastName || strings.ContainsAny(name, " \n") {
			t.Errorf("table %q cannot be saved under this name, or is twice", name)
		}
		names[name], tables[table] = true, true
	}
	v := reflect.ValueOf(all).Elem()
	for n := range v.NumField() {
		field := v.Type().Field(n)
		table := reflect.NewAt(field.Type, v.Field(n).Addr().UnsafePointer()).Interface()
		if k, ok := table.(kind); ok && !tables[k] {
			t.Errorf("table %s is not in each: it would not be saved", field.Name)
		}
	}
}

// TestEveryFieldIsSaved: rows that say something in each of their fields come
// back as they were. A field that its type's JSON leaves out needs a savedAs.
func TestEveryFieldIsSaved(t *testing.T) {
	for name, table := range newTables().each {
		row := table.blank()
		count := 0
		fillIn(reflect.ValueOf(row).Elem(), &count)
		data, err := json.Marshal(saved(row))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		back := table.blank()
		if err := NewReader().strictly(data, saved(back)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !reflect.DeepEqual(row, back) {
			t.Errorf("%s\ngot  %+v\nwant %+v\nfrom %s", name, back, row, data)
		}
	}
}

// fillIn gives everything within v a value of its own.
func fillIn(v reflect.Value, count *int) {
	*count++
	switch kind := v.Kind(); {
	case kind == reflect.String:
		v.SetString(fmt.Sprintf("text %d <&>\n", *count))
	case kind == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(int64(*count))
	case v.CanUint():
		v.SetUint(uint64(*count))
	case v.CanFloat():
		v.SetFloat(float64(*count) / 3)
	case kind == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillIn(v.Elem(), count)
	case kind == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for n := range v.Len() {
			fillIn(v.Index(n), count)
		}
	case kind == reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fillIn(key, count)
		fillIn(value, count)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case kind == reflect.Struct:
		for n := range v.NumField() {
			if v.Type().Field(n).IsExported() {
				fillIn(v.Field(n), count)
			}
		}
	case kind == reflect.Interface:
		v.Set(reflect.ValueOf(fmt.Sprintf("any %d", *count)))
	default:
		panic("the test does not know " + v.Type().String())
	}
}

// someWrites makes random changes to every table.
func someWrites(t *rapid.T, s *Store) {
	name := rapid.SampledFrom([]string{"a", "b", "C"})
	ends := rapid.SampledFrom([]string{"", "x", "\xff"}) // only keys come as they are, and not in JSON
	for range rapid.IntRange(0, 25).Draw(t, "writes") {
		node, id, end := name.Draw(t, "node"), name.Draw(t, "id"), ends.Draw(t, "end")
		status := rapid.SampledFrom([]Status{Passing, Warning, Critical}).Draw(t, "status")
		op := rapid.SampledFrom([]string{
			"node", "service", "proxy", "check", "session", "coordinate", "query", "put", "lock", "no node", "no service", "no session", "no key", "no tree",
		}).Draw(t, "op")
		_ = s.Try(func(w *Writer) error { // what cannot be is refused, which is as good
			switch op {
			case "node":
				return w.PutNode(Node{Node: node, ID: id, Address: id, Meta: map[string]string{"k": id}})
			case "service":
				return w.PutService(Service{Node: node, ID: id, Service: "s" + id, Tags: []string{status.word()}, Port: len(end)})
			case "proxy":
				return w.PutService(Service{Node: node, ID: "p" + id, Service: "p", Kind: mesh.ConnectProxy,
					Proxy: &mesh.Proxy{DestinationServiceName: "s" + id, Config: map[string]any{"a": 1.5, "b": []any{end == ""}}}})
			case "check":
				return w.PutCheck(Check{Node: node, CheckID: id + "-check", Status: status, ServiceID: id})
			case "session":
				return w.PutSession(Session{ID: id, Node: node, Behavior: ReleaseLocks, LockDelay: time.Second})
			case "coordinate":
				w.PutCoordinate(Coordinate{Node: node, Coord: Origin()})
			case "query":
				return w.PutQuery(Query{ID: id, Name: node, Session: id, Service: ServiceQuery{Service: id}})
			case "put":
				w.Put(node+"/"+end, []byte(id), 7)
			case "lock":
				_, _, err := w.Lock(node+"/"+end, []byte(id), 7, id)
				return err
			case "no node":
				w.DeleteNode(node)
			case "no service":
				w.DeleteService(node, id)
			case "no session":
				w.DeleteSession(id)
			case "no key":
				w.Delete(node + "/" + end)
			case "no tree":
				w.DeleteTree(node)
			}
			return nil
		})
	}
}

func (s Status) word() string { return string(s) }

// everyRead returns the answers to all questions there are, without the
// indexes of the answers, and those.
func everyRead(t *rapid.T, s *Snapshot) (answers string, indexes []uint64) {
	all := []any{s.Nodes(), s.Services(), s.Sessions(), s.Coordinates(), s.Queries(), s.Counts(), s.tombstones.all(), s.virtuals.all()}
	for _, name := range []string{"a", "b", "c"} {
		all = append(all, s.Node(name), s.ServicesOn(name), s.ChecksOn(name), s.Instances("s"+name), s.ChecksFor("s"+name),
			s.Session(name), s.SessionsOn(name), s.Query(name), s.QueryNamed(name), s.QueryFor(name), s.entries.lockedBy(name), s.Coordinate(name),
			s.NodeByID(name), s.MeshInstances("s"+name))
		for _, key := range []string{name, name + "/", name + "/x", name + "/\xff"} {
			entry, one, _ := s.Entry(key)
			entries, many, _ := s.Entries(key)
			all = append(all, entry, entries)
			indexes = append(indexes, one, many)
		}
	}
	for _, status := range []Status{AnyStatus, Passing, Warning, Critical} {
		all = append(all, s.ChecksIn(status))
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), indexes
}

// everyTopic are topics of all kinds, of what there may be and what not.
func everyTopic() []Topic {
	topics := []Topic{AllNodes, AllServices, AllSessions, AllCoordinates, AllQueries, Everything, {kind: keys}, {kind: tombstones}}
	for _, name := range []string{"a", "b", "c", "d"} {
		topics = append(topics, ServiceInstances("s"+name), ServiceHealth("s"+name), MeshHealth("s"+name), NodeServices(name), NodeChecks(name))
	}
	return append(topics, ChecksIn(AnyStatus), ChecksIn(Passing))
}

// TestRestore: whatever was written before and after, a restored state is in
// every read what it was when it was saved, at indexes above all before.
func TestRestore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New()
		someWrites(t, s)
		before := s.Snapshot()
		data := save(t, before)
		want, _ := everyRead(t, before)
		into := s
		if rapid.Bool().Draw(t, "elsewhere") {
			into = New()
		}
		someWrites(t, into)
		_, old := everyRead(t, into.Snapshot())
		waiting, last := map[Topic]<-chan struct{}{}, map[Topic]uint64{}
		for _, topic := range everyTopic() {
			_, last[topic], waiting[topic] = into.Look(topic)
		}
		keys := into.Snapshot()
		_, _, key := keys.Entry("a/x")
		entry, _ := keys.entries.watch("a/x")
		_, _, tree := keys.Entries("")
		some := keys.entries.tree.Len() > 0 || before.entries.tree.Len() > 0

		if err := into.Restore(load(t, data), nothingMore); err != nil {
			t.Fatal(err)
		}
		got, now := everyRead(t, into.Snapshot())
		if got != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		if graves := into.Snapshot().tombstones.rows.Len(); into.graves != graves {
			t.Fatalf("%d tombstones are counted, and there are %d", into.graves, graves)
		}
		for n := range now {
			if now[n] <= old[n] {
				t.Fatalf("the index of a read of keys went from %d to %d", old[n], now[n])
			}
		}
		for topic, was := range last {
			if index := into.topics.index(topic); index <= was {
				t.Fatalf("index of %+v went from %d to %d", topic, was, index)
			}
			if !changed(waiting[topic]) {
				t.Fatalf("who waits for %+v was not woken", topic)
			}
		}
		if restored, _, _ := into.Snapshot().Entry("a/x"); (entry != nil || restored != nil) && !changed(key) || some && !changed(tree) {
			t.Fatal("who waits for keys was not woken")
		}

		// It goes on from there as if nothing had been.
		_, index, next := into.Look(Everything)
		_, _, key = into.Snapshot().Entry("a/x")
		if err := into.Write(func(w *Writer) error { w.Put("a/x", []byte("new"), 0); return nil }); err != nil {
			t.Fatal(err)
		}
		if entry, at, _ := into.Snapshot().Entry("a/x"); entry.ModifyIndex != at || at <= index || !changed(next) || !changed(key) {
			t.Fatalf("after a write: %+v at %d, and before it was %d", entry, at, index)
		}
	})
}

func TestRestoreIsWholeOrNothing(t *testing.T) {
	s := aNode(t)
	put(t, s, "web", "web", Passing)
	data := save(t, s.Snapshot())
	put(t, s, "db", "db", Passing)
	want := save(t, s.Snapshot())
	_, index, waiting := s.Look(Everything)
	stop := errors.New("stop")
	err := s.Restore(load(t, data), func(w *Writer) error {
		w.Put("key", nil, 0)
		return stop
	})
	if !errors.Is(err, stop) || !bytes.Equal(save(t, s.Snapshot()), want) || changed(waiting) {
		t.Errorf("got %v, and the state changed", err)
	}
	if _, now, _ := s.Look(Everything); now != index {
		t.Errorf("the index went from %d to %d", index, now)
	}
	if err := s.Restore(load(t, data), func(w *Writer) error { w.Put("key", nil, 0); return nil }); err != nil {
		t.Fatal(err)
	}
	after := s.Snapshot()
	if entry, _, _ := after.Entry("key"); after.Service("n1", "db") != nil || after.Service("n1", "web") == nil || entry == nil || entry.ModifyIndex <= index {
		t.Errorf("got %+v, and the key %+v", after.Services(), entry)
	}
}

// TestRestoreDelaysLocks: whoever loses a lock by a restore may not know yet.
func TestRestoreDelaysLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := aNode(t)
		write(t, s, func(w *Writer) error {
			err := w.PutSession(Session{ID: "kept", Node: "n1", LockDelay: time.Minute})
			_, _, err2 := w.Lock("kept", nil, 0, "kept")
			return errors.Join(err, err2)
		})
		data := save(t, s.Snapshot())
		write(t, s, func(w *Writer) error {
			err := w.PutSession(Session{ID: "lost", Node: "n1", LockDelay: time.Minute})
			_, _, err2 := w.Lock("lost", nil, 0, "lost")
			return errors.Join(err, err2)
		})
		if err := s.Restore(load(t, data), nothingMore); err != nil {
			t.Fatal(err)
		}
		if got := s.LockDelay("lost"); got != time.Minute {
			t.Errorf("a lock that was lost is delayed by %s, want a minute", got)
		}
		if got := s.LockDelay("kept"); got != 0 {
			t.Errorf("a lock that is still held is delayed by %s", got)
		}
	})
}

// TestLoadRefusesWhatIsNotWhole breaks a saved state at every place.
func TestLoadRefusesWhatIsNotWhole(t *testing.T) {
	s := aNode(t)
	put(t, s, "web", "web", Passing)
	data := save(t, s.Snapshot())
	for n := range data {
		if _, err := Load(bytes.NewReader(data[:n])); err == nil {
			t.Fatalf("the first %d bytes of %d were taken for the whole", n, len(data))
		}
		flipped := bytes.Clone(data)
		flipped[n] ^= 1
		if _, err := Load(bytes.NewReader(flipped)); err == nil {
			t.Fatalf("a change of byte %d was not seen: %q", n, flipped)
		}
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"another version":        {`"Version":1`, `"Version":2`, "version 2 of the format, and this muster reads version 1"},
		"another program's":      {"muster-state", "postgres", ErrNotSaved.Error()},
		"an unknown table":       {"\nnodes ", "\nnonsense ", `line 2: unknown table "nonsense"`},
		"an unknown field":       {`"Address"`, `"Adress"`, `line 2: table nodes: json: unknown field "Adress"`},
		"more after the end":     {"\"}\n", "\"}\n\n", "there is more after the end"},
		"more behind a row":      {"}\nservices ", "} {}\nservices ", "line 2: table nodes: something follows the row"},
		"a row that is none":     {"\nservices ", "\nnodes \nservices ", "line 3: table nodes: unexpected EOF"},
		"a row twice":            {"\nservices ", "\nnodes {\"Node\":\"N1\"}\nservices ", "line 3: table nodes has the same row twice"},
		"a value of another sum": {"10.0.0.1", "10.0.0.2", "the checksum is another"},
	} {
		broken := strings.Replace(string(data), c.old, c.new, 1)
		if _, err := Load(strings.NewReader(broken)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", name, err, c.want)
		}
	}
	if _, err := Load(strings.NewReader("")); !errors.Is(err, ErrNotSaved) {
		t.Errorf("nothing: got %v", err)
	}
	if _, err := Load(io.MultiReader(bytes.NewReader(data[:40]), &endless{})); err == nil {
		t.Error("a line without an end was taken")
	}
}

// TestLoadSaysWhere: however many lines there are, the first that is wrong is
// named.
func TestLoadSaysWhere(t *testing.T) {
	const rows, wrong = 20_000, 15_000
	var text strings.Builder
	for n := range rows {
		name := "nodes"
		if n+2 >= wrong { // lines count from 1, and the first is the head
			name = "none"
		}
		fmt.Fprintf(&text, "%s {\"Node\":\"n%05d\",\"Address\":\"10.0.0.1\"}\n", name, n)
	}
	_, err := Load(strings.NewReader(sealed(text.String())))
	if want := fmt.Sprintf("line %d: unknown table", wrong); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	whole := load(t, []byte(sealed(strings.ReplaceAll(text.String(), "none", "nodes"))))
	if got := len(whole.Snapshot().Nodes()); got != rows {
		t.Errorf("%d nodes, want %d", got, rows)
	}
}

// endless is a line without an end.
type endless struct{}

func (*endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

// TestLoadRefusesWhatDoesNotFit: what the writers would refuse is not taken
// from a file either.
func TestLoadRefusesWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		add  func(*tables)
		want string
	}{
		"a service":            {func(t *tables) { t.services.put(&Service{Node: "gone", ID: "web"}) }, `service "web" is on a node that is not there: "gone"`},
		"a check":              {func(t *tables) { t.checks.put(&Check{Node: "gone", CheckID: "c"}) }, `check "c" is on a node that is not there: "gone"`},
		"a session":            {func(t *tables) { t.sessions.put(&Session{Node: "gone", ID: "s"}) }, `session "s" is on a node that is not there: "gone"`},
		"a session of no name": {func(t *tables) { t.sessions.put(&Session{Node: "n1"}) }, "a session has no id"},
		"a query of no name":   {func(t *tables) { t.queries.put(&Query{Name: "q"}) }, "a query has no id"},
		"a check of a service": {func(t *tables) { t.checks.put(&Check{Node: "n1", CheckID: "c", ServiceID: "web"}) },
			`Unknown service ID 'web' for check ID 'c'`},
	} {
		all := newTables()
		all.nodes.put(&Node{Node: "n1"})
		c.add(all)
		if _, err := Load(bytes.NewReader(save(t, &Snapshot{tables: all}))); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

// sealed returns rows as a saved state, with the head and the end they need.
func sealed(rows string) string {
	all := firstName + ` {"Version":1,"Index":7}` + "\n" + rows
	return all + fmt.Sprintf("%s {\"Rows\":%d,\"SHA256\":\"%x\"}\n", lastName, strings.Count(rows, "\n"), sha256.Sum256([]byte(all)))
}

// FuzzLoad: whatever the rows are, they are refused, or can be read, changed
// and saved again.
func FuzzLoad(f *testing.F) {
	s := New()
	if err := s.Write(func(w *Writer) error {
		w.Put("a\xff", []byte("value"), 3)
		w.Put("b", nil, 0)
		w.Delete("b")
		return errors.Join(
			w.PutNode(Node{Node: "n1", Address: "10.0.0.1"}),
			w.PutService(Service{Node: "n1", ID: "web", Service: "web", Tags: []string{"a"}}),
			w.PutService(Service{Node: "n1", ID: "proxy", Service: "proxy", Kind: mesh.ConnectProxy, Proxy: &mesh.Proxy{DestinationServiceName: "web"}}),
			w.PutCheck(Check{Node: "n1", CheckID: "c", Status: Passing, ServiceID: "web"}),
			w.PutSession(Session{ID: "s", Node: "n1"}),
			w.PutQuery(Query{ID: "q", Name: "q", Session: "s"}))
	}); err != nil {
		f.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(save(f, s.Snapshot())), "\n")
	rows = rows[:strings.Index(rows, "\nend ")+1]
	f.Add(rows)
	f.Add("")
	f.Add("nodes null\n")
	f.Add("nodes {}\nservices {\"Kind\":\"connect-proxy\",\"Proxy\":null}\n")
	f.Add("entries {}\nentries {\"Key\":\"\"}\n")
	f.Add("nodes {\"Node\":\"n1\"}\nsessions {\"Node\":\"n1\"}\n")
	f.Fuzz(func(t *testing.T, rows string) {
		saved, err := Load(strings.NewReader(sealed(rows)))
		if err != nil {
			return
		}
		s := New()
		if err := s.Restore(saved, nothingMore); err != nil {
			t.Fatal(err)
		}
		back := load(t, save(t, s.Snapshot()))
		if !reflect.DeepEqual(rowCounts(back), rowCounts(saved)) {
			t.Errorf("got %+v, want %+v", back.Sizes(), saved.Sizes())
		}
		if err := s.Write(func(w *Writer) error {
			for _, node := range w.Nodes() {
				w.DeleteNode(node.Node)
			}
			w.DeleteTree("")
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if left := s.Snapshot().Counts(); left != (Counts{}) {
			t.Errorf("left are %+v", left)
		}
	})
}

func rowCounts(s *Saved) (counts []int) {
	for _, size := range s.Sizes() {
		counts = append(counts, size.Rows)
	}
	return counts
}
