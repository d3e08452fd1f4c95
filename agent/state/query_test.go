package state

import (
	"errors"
	"testing"
)

// putQuery stores a query and returns why it was refused.
func putQuery(s *Store, q Query) error {
	return s.Write(func(w *Writer) error { return w.PutQuery(q) })
}

func TestQueryNamesAreTheirOwn(t *testing.T) {
	s := aNode(t)
	template := QueryTemplateOptions{Type: PrefixTemplate}
	for _, q := range []Query{{ID: "1", Name: "web"}, {ID: "2", Template: template}, {ID: "3", Name: "web-", Template: template}} {
		if err := putQuery(s, q); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		query Query
		want  error
	}{
		"a name that is taken":     {Query{ID: "4", Name: "Web"}, QueryNameTaken{Name: "Web"}},
		"of a template":            {Query{ID: "4", Name: "WEB-"}, QueryNameTaken{Name: "WEB-"}},
		"an id as a name":          {Query{ID: "4", Name: "2"}, QueryNameTaken{Name: "2", ByID: true}},
		"its own id":               {Query{ID: "1", Name: "1"}, QueryNameTaken{Name: "1", ByID: true}},
		"another for every name":   {Query{ID: "4", Template: template}, ErrCatchAll},
		"a session that is gone":   {Query{ID: "4", Session: "gone"}, InvalidSession("gone")},
		"unnamed":                  {Query{ID: "5"}, nil},
		"unnamed as well":          {Query{ID: "6"}, nil},
		"itself, under its name":   {Query{ID: "1", Name: "WEB"}, nil},
		"itself, for every name":   {Query{ID: "2", Template: template, Token: "t"}, nil},
		"a name that is longer":    {Query{ID: "7", Name: "web-1"}, nil},
		"a template within others": {Query{ID: "8", Name: "we", Template: template}, nil},
	} {
		if err := putQuery(s, c.query); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestQueryEndsWithItsSession(t *testing.T) {
	s := aNode(t)
	write(t, s, func(w *Writer) error {
		return errors.Join(w.PutSession(Session{ID: "s", Node: "n1"}), w.PutSession(Session{ID: "other", Node: "n1"}))
	})
	for _, q := range []Query{{ID: "1", Session: "s"}, {ID: "2", Name: "two", Session: "s"}, {ID: "3", Session: "other"}, {ID: "4", Name: "four"}} {
		if err := putQuery(s, q); err != nil {
			t.Fatal(err)
		}
	}
	_, before, gone := s.Look(AllQueries)
	write(t, s, func(w *Writer) error { w.DeleteSession("s"); return nil })
	if !changed(gone) {
		t.Error("nobody was told")
	}
	after, index, _ := s.Look(AllQueries)
	left := ""
	for _, q := range after.Queries() {
		left += q.ID
	}
	if left != "34" || index <= before {
		t.Errorf("left are %q at index %d, want 34 above %d", left, index, before)
	}
}

func TestIdenticalQueryChangesNothing(t *testing.T) {
	s := aNode(t)
	q := Query{ID: "1", Name: "web", Service: ServiceQuery{Service: "web", Tags: []string{"a"}}}
	if err := putQuery(s, q); err != nil {
		t.Fatal(err)
	}
	_, _, told := s.Look(AllQueries)
	if err := putQuery(s, q); err != nil || changed(told) {
		t.Errorf("got %v, told %t", err, changed(told))
	}
	q.Service.Tags = []string{"b"}
	if err := putQuery(s, q); err != nil || !changed(told) {
		t.Errorf("after a change: got %v, told %t", err, changed(told))
	}
	if got := s.Snapshot().Query("1"); got.CreateIndex >= got.ModifyIndex || got.Service.Tags[0] != "b" {
		t.Errorf("got %+v", got)
	}
}
