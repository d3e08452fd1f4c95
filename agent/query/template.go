package query

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/hil"
	"github.com/hashicorp/hil/ast"

	"github.com/realjf/muster/agent/state"
)

// maxText bounds the texts of a template: what they are written in is taken
// apart by a parser that goes as deep as they do. Consul has no bound.
const maxText = 8 << 10

// ValidateTemplate returns why the template of a query cannot be, a [Fault];
// nil when it can be, or the query is none. It fills the template in for its
// own name, the shortest that it answers for.
func ValidateTemplate(q *state.Query) error {
	if !q.IsTemplate() {
		return nil
	}
	if q.Template.Type != state.PrefixTemplate {
		return faultf("Bad Template.Type '%s'", q.Template.Type)
	}
	service := q.Service
	err := eachText("Service", reflect.ValueOf(&service).Elem(), func(path, text string) (string, error) {
		if len(text) > maxText {
			return "", faultf("Bad format in %s: it has more than %d bytes", path, maxText)
		}
		if _, err := hil.Parse(text); err != nil {
			return "", faultf("Bad format '%s' in %s: %s", text, path, err)
		}
		return text, nil
	})
	if err != nil {
		return err
	}
	if _, err := regexp.Compile(q.Template.Regexp); err != nil {
		return faultf("Bad Regexp: %s", err)
	}
	_, err = fill(q, q.Name)
	return err
}

// fill returns what a template is for a name. Its texts are in HashiCorp's
// interpolation language, of which a template has these variables and match.
func fill(template *state.Query, name string) (*state.Query, error) {
	var matches []string
	if pattern := template.Template.Regexp; pattern != "" {
		parsed, err := regexp.Compile(pattern)
		if err != nil {
			return nil, faultf("Bad Regexp: %s", err)
		}
		matches = parsed.FindStringSubmatch(name)
	}
	scope := &ast.BasicScope{
		VarMap: map[string]ast.Variable{
			"name.full":     {Type: ast.TypeString, Value: name},
			"name.prefix":   {Type: ast.TypeString, Value: template.Name},
			"name.suffix":   {Type: ast.TypeString, Value: strings.TrimPrefix(name, template.Name)},
			"agent.segment": {Type: ast.TypeString, Value: ""}, // segments are of Consul Enterprise
		},
		FuncMap: map[string]ast.Function{"match": {
			ArgTypes: []ast.Type{ast.TypeInt}, ReturnType: ast.TypeString,
			Callback: func(args []any) (any, error) {
				if n, ok := args[0].(int); ok && n >= 0 && n < len(matches) {
					return matches[n], nil
				}
				return "", nil
			},
		}},
	}
	filled := *template
	err := eachText("Service", reflect.ValueOf(&filled.Service).Elem(), func(path, text string) (string, error) {
		if !strings.Contains(text, "$") {
			return text, nil
		}
		return evaluate(path, text, scope)
	})
	if err != nil {
		return nil, err
	}
	if template.Template.RemoveEmptyTags {
		tags := append([]string{}, filled.Service.Tags...)
		filled.Service.Tags = slices.DeleteFunc(tags, func(tag string) bool { return tag == "" })
	}
	return &filled, nil
}

// evaluate returns what a text says in a scope.
func evaluate(path, text string, scope *ast.BasicScope) (string, error) {
	tree, err := hil.Parse(text)
	if err != nil {
		return "", faultf("Bad format '%s' in %s: %s", text, path, err)
	}
	result, err := hil.Eval(tree, &hil.EvalConfig{GlobalScope: scope})
	if err != nil {
		return "", faultf("Bad evaluation for '%s' in %s: %s", text, path, err)
	}
	filled, ok := result.Value.(string)
	if !ok {
		return "", faultf("Expected %s field to be a string, got %s", path, result.Type)
	}
	return filled, nil
}

// eachText puts, in place of every text within v, what change returns for it
// and its path. Lists and maps are copied first, so that v may share them with
// others. It ends with the first error.
func eachText(path string, v reflect.Value, change func(path, text string) (string, error)) error {
	switch kind := v.Kind(); {
	case kind == reflect.String:
		text, err := change(path, v.String())
		if err == nil {
			v.SetString(text)
		}
		return err
	case kind == reflect.Struct:
		for n := range v.NumField() {
			if err := eachText(path+"."+v.Type().Field(n).Name, v.Field(n), change); err != nil {
				return err
			}
		}
	case kind == reflect.Slice && !v.IsNil():
		copied := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(copied, v)
		v.Set(copied)
		for n := range v.Len() {
			if err := eachText(fmt.Sprintf("%s[%d]", path, n), v.Index(n), change); err != nil {
				return err
			}
		}
	case kind == reflect.Map && !v.IsNil():
		copied := reflect.MakeMapWithSize(v.Type(), v.Len())
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
		for _, key := range keys {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			if err := eachText(fmt.Sprintf("%s[%s]", path, key), value, change); err != nil {
				return err
			}
			copied.SetMapIndex(key, value)
		}
		v.Set(copied)
	}
	return nil
}
