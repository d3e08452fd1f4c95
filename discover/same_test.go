package discover

import (
	"reflect"
	"testing"
)

// TestSame sets each field of an instance, one after the other: what differs in
// any is not the same.
func TestSame(t *testing.T) {
	fields := reflect.TypeFor[Instance]()
	for n := range fields.NumField() {
		var other Instance
		field := reflect.ValueOf(&other).Elem().Field(n)
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Int:
			field.SetInt(1)
		case reflect.Slice:
			field.Set(reflect.ValueOf([]string{"x"}))
		case reflect.Map:
			field.Set(reflect.ValueOf(map[string]string{"x": ""}))
		case reflect.Struct:
			for part := range field.NumField() {
				other = Instance{}
				if inner := field.Field(part); inner.Kind() == reflect.Int {
					inner.SetInt(1)
				} else {
					inner.SetString("x")
				}
				if (Instance{}).same(other) {
					t.Errorf("%s.%s is not looked at", fields.Field(n).Name, field.Type().Field(part).Name)
				}
			}
		default:
			t.Fatalf("how to set %s?", fields.Field(n).Name)
		}
		if (Instance{}).same(other) || !other.same(other) {
			t.Errorf("%s is not looked at", fields.Field(n).Name)
		}
	}
}
