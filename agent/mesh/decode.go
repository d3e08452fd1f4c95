package mesh

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mitchellh/mapstructure"
)

// DecodeEntry makes an entry from decoded JSON. Like Consul it takes names in
// either spelling and any case, values that can be read as what is wanted, and
// a single thing where a list is; it takes no name that it does not know.
// Errors: [UnknownKind], [UnservedKind], and others with Consul's text.
func DecodeEntry(raw map[string]any) (Entry, error) {
	value, named := raw["Kind"]
	if !named {
		value, named = raw["kind"]
	}
	if !named {
		return nil, fault("Payload does not contain a kind/Kind key at the top level")
	}
	kind, isText := value.(string)
	if !isText {
		return nil, fault("Kind value in payload is not a string")
	}
	entry, err := NewEntry(kind, "")
	if err != nil {
		return nil, err
	}
	unused, err := Decode(raw, &entry)
	if err != nil {
		return nil, err
	}
	return entry, unknownKeys(unused)
}

// Decode decodes JSON into target as [DecodeEntry] does, and returns the names
// that it does not know.
func Decode(raw, target any) (unused []string, err error) {
	var seen mapstructure.Metadata
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook: mapstructure.ComposeDecodeHookFunc(
			single, spelled, mapstructure.StringToTimeDurationHookFunc(), toDuration, mapstructure.StringToTimeHookFunc(time.RFC3339)),
		Metadata:         &seen,
		Result:           target,
		WeaklyTypedInput: true,
	})
	if err != nil {
		return nil, err
	}
	err = decoder.Decode(raw)
	return seen.Unused, err
}

// unknownKeys returns the error for names that nobody knows, or nil.
func unknownKeys(names []string) error {
	var found faults
	for _, name := range slices.Sorted(slices.Values(names)) {
		lower := strings.ToLower(name)
		switch {
		case name == "CreateIndex", name == "ModifyIndex", name == "Kind", name == "kind":
		case strings.HasSuffix(lower, "namespace"):
			found.addf("invalid config key %q, namespaces are a consul enterprise feature", name)
		case strings.Contains(lower, "jwt"):
			found.addf("invalid config key %q, api-gateway jwt validation is a consul enterprise feature", name)
		default:
			found.addf("invalid config key %q", name)
		}
	}
	return found.err()
}

var anything = reflect.TypeFor[any]()

// single unwraps a list of one where no list is wanted: what was once written
// as a block in HCL comes so.
func single(from, to reflect.Type, data any) (any, error) {
	list, isList := data.([]any)
	if !isList || len(list) != 1 || to.Kind() == reflect.Slice || to.Kind() == reflect.Array {
		return data, nil
	}
	if to == anything {
		unwrap(list[0])
	}
	return list[0], nil
}

// unwrap replaces lists of one in data by their element, however deep.
func unwrap(data any) {
	switch data := data.(type) {
	case map[string]any:
		for key, value := range data {
			if list, isList := value.([]any); isList && len(list) == 1 {
				data[key] = list[0]
			}
			unwrap(value)
		}
	case []any:
		for _, value := range data {
			unwrap(value)
		}
	}
}

// spelled renames what is spelled in the other way, as the tag "alias" of a
// field says.
func spelled(_, to reflect.Type, data any) (any, error) {
	named, isObject := data.(map[string]any)
	if !isObject || to.Kind() != reflect.Struct {
		return data, nil
	}
	aliases := map[string]string{}
	for n := range to.NumField() {
		if alias, has := to.Field(n).Tag.Lookup("alias"); has {
			aliases[alias] = strings.ToLower(to.Field(n).Name)
		}
	}
	renamed := make(map[string]any, len(named))
	for name, value := range named {
		if field, isAlias := aliases[strings.ToLower(name)]; isAlias {
			name = field
		}
		if chosen, both := named[name]; both {
			value = chosen
		}
		renamed[name] = value
	}
	return renamed, nil
}

// toDuration reads a [Duration].
func toDuration(from, to reflect.Type, data any) (any, error) {
	text, isText := data.(string)
	if !isText || to != reflect.TypeFor[Duration]() {
		return data, nil
	}
	d, err := time.ParseDuration(text)
	return Duration(d), err
}
