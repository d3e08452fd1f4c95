package state

import (
	"strings"

	"github.com/tidwall/btree"
)

// table holds the rows of one kind, in the order of their keys and of their
// indexes' keys. A fork of it shares the trees until it changes something, and
// then what it does not change: so a table costs the same to keep as it was,
// however many rows it has.
type table[T any] struct {
	*layout[T]
	rows  *tree[T]   // by the row's key
	lists []*tree[T] // one for each index, by the index's key and the row's
	own   bool       // the trees are no other table's, and may change
	diary            // of what changes
}

type tree[T any] = btree.Map[string, *T]

// degree of the trees: a node has up to twice as many rows. Larger nodes are
// quicker to read, and dearer to copy when one of their rows changes.
const degree = 8

// layout says how the rows of a table are found.
type layout[T any] struct {
	key     func(*T) string
	indexes []func(*T) string
}

// newTable returns an empty table whose rows have the key, which is theirs
// alone, and are listed under each of the indexes' keys too; not where that key
// is empty.
func newTable[T any](key func(*T) string, indexes ...func(*T) string) table[T] {
	t := table[T]{layout: &layout[T]{key, indexes}, rows: btree.NewMap[string, *T](degree), own: true}
	for range indexes {
		t.lists = append(t.lists, btree.NewMap[string, *T](degree))
	}
	return t
}

// fork implements kind.
func (t *table[T]) fork(d diary) { t.own, t.diary = false, d }

// claim makes the trees the table's own, before a change.
func (t *table[T]) claim() {
	if t.own {
		return
	}
	t.own = true
	t.rows = t.rows.Copy()
	shared := t.lists
	t.lists = make([]*tree[T], len(shared))
	for n, list := range shared {
		t.lists[n] = list.Copy()
	}
}

// get returns the row with the key, or nil.
func (t *table[T]) get(key string) *T {
	row, _ := t.rows.Get(key)
	return row
}

// all returns every row.
func (t *table[T]) all() []*T { return t.rows.Values() }

// every implements kind.
func (t *table[T]) every(yield func(any) bool) {
	t.rows.Scan(func(_ string, row *T) bool { return yield(row) })
}

// blank implements kind.
func (t *table[T]) blank() any { return new(T) }

// add implements kind. It is quickest for rows that come in order.
func (t *table[T]) add(row any) (isNew bool) {
	t.claim()
	typed := row.(*T)
	key := t.key(typed)
	if _, taken := t.rows.Load(key, typed); taken {
		return false
	}
	for n, index := range t.indexes {
		if place := index(typed); place != "" {
			t.lists[n].Load(place+key, typed)
		}
	}
	return true
}

// set implements kind.
func (t *table[T]) set(row any) { t.put(row.(*T)) }

// unset implements kind.
func (t *table[T]) unset(row any) (was bool) {
	old := t.get(t.key(row.(*T)))
	if old != nil {
		t.remove(old)
	}
	return old != nil
}

// below returns the rows whose key begins with prefix.
func (t *table[T]) below(prefix string) []*T { return below(t.rows, prefix) }

// by returns the rows that an index has under key.
func (t *table[T]) by(index int, key string) []*T { return below(t.lists[index], key) }

// has reports whether an index has a row under key.
func (t *table[T]) has(index int, key string) bool {
	rows := t.lists[index].Iter()
	return rows.Seek(key) && strings.HasPrefix(rows.Key(), key)
}

// first returns the first row that an index has, or nil.
func (t *table[T]) first(index int) *T {
	_, row, _ := t.lists[index].Min()
	return row
}

// last returns the last row, or nil.
func (t *table[T]) last() *T {
	_, row, _ := t.rows.Max()
	return row
}

func below[T any](rows *tree[T], prefix string) []*T {
	var found []*T
	rows.Ascend(prefix, func(key string, row *T) bool {
		if !strings.HasPrefix(key, prefix) {
			return false
		}
		found = append(found, row)
		return true
	})
	return found
}

// put stores row in place of the one with the same key.
func (t *table[T]) put(row *T) {
	t.claim()
	t.note(row, false)
	key := t.key(row)
	old, replaced := t.rows.Set(key, row)
	for n, index := range t.indexes {
		place := index(row)
		if replaced {
			if before := index(old); before != place {
				t.lists[n].Delete(before + key)
			}
		}
		if place != "" {
			t.lists[n].Set(place+key, row)
		}
	}
}

// remove takes row out.
func (t *table[T]) remove(row *T) {
	t.claim()
	t.note(row, true)
	key := t.key(row)
	t.rows.Delete(key)
	for n, index := range t.indexes {
		t.lists[n].Delete(index(row) + key)
	}
}

// folded returns a key of parts that compare without regard to case, as names
// of nodes and services do in Consul. Each part ends with a zero byte, which
// no name may hold: so no two lists of parts give the same key, and the first
// parts of a key are a prefix of it.
func folded(parts ...string) string {
	for n, part := range parts {
		parts[n] = strings.ToLower(part)
	}
	return exact(parts...)
}

// foldedIf is folded for a text that may be missing: there is no key then.
func foldedIf(text string) string {
	if text == "" {
		return ""
	}
	return folded(text)
}

// exact is folded for parts that compare byte by byte.
func exact(parts ...string) string {
	size := 0
	for _, part := range parts {
		size += len(part) + 1
	}
	var key strings.Builder
	key.Grow(size)
	for _, part := range parts {
		key.WriteString(part)
		key.WriteByte(0)
	}
	return key.String()
}
