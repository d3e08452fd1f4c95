package valid

import "reflect"

// IsMissing reports whether an interface holds nothing, or a pointer to nothing,
// which is what a New returns beside its error.
func IsMissing(what any) bool {
	v := reflect.ValueOf(what)
	return what == nil || v.Kind() == reflect.Pointer && v.IsNil()
}
