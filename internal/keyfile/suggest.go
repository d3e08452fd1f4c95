package keyfile

import (
	"maps"
	"slices"
	"strings"
)

// suggest returns which key may be meant by one that there is not: one of the
// same block that is spelled almost so, or one of another block that is called
// so.
func (f *fitting) suggest(s *Shape, path, key string) string {
	key = strings.ToLower(key)
	nearest, least := "", 1+len(key)/3
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		if d := distance(key, name); d <= least {
			nearest, least = join(path, name), d-1
		}
	}
	if nearest == "" {
		nearest = f.root.elsewhere(key, "")
	}
	if nearest == "" {
		return ""
	}
	return "; did you mean " + nearest + "?"
}

// elsewhere returns the path of a key that is called so, or whose path with
// underscores is.
func (s *Shape) elsewhere(key, path string) string {
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		at := join(path, name)
		if path != "" && (name == key || strings.ReplaceAll(at, ".", "_") == key) {
			return at
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		member := s.members[name]
		if member.kind != Block || name == "*" {
			continue
		}
		if found := member.elsewhere(key, join(path, name)); found != "" {
			return found
		}
	}
	return ""
}

// distance is how many letters must be changed, added or taken away to make
// one word of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
