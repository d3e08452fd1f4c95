package query

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

func TestFill(t *testing.T) {
	geo := template("geo-db", "${match(1)}")
	geo.Template.Regexp = `^geo-db-(.*?)-([^\-]+?)$`
	geo.Service.Tags = []string{"", "${match(2)}", "a"}
	geo.Service.NodeMeta = map[string]string{"${name.full}": "${name.prefix}|${name.suffix}|${match(9)}|${agent.segment}|$${x}"}

	got, err := Find(holding(t, geo), "geo-db-customer-primary")
	if err != nil {
		t.Fatal(err)
	}
	want := geo.Service
	want.Service = "customer"
	want.Tags = []string{"", "primary", "a"}
	want.NodeMeta = map[string]string{"${name.full}": "geo-db|-customer-primary|||${x}"}
	if !reflect.DeepEqual(got.Service, want) {
		t.Errorf("got %+v, want %+v", got.Service, want)
	}

	geo.Template.RemoveEmptyTags = true
	got, err = fill(&geo, "geo-db-other")
	if err != nil || !reflect.DeepEqual(got.Service.Tags, []string{"a"}) {
		t.Errorf("without empty tags: got %+v, %v", got, err)
	}
	if geo.Service.Tags[1] != "${match(2)}" || len(geo.Service.Tags) != 3 {
		t.Errorf("the template itself was changed: %+v", geo)
	}
}

// TestEachText sees every text that the definition of a query has, and none
// twice: what is forgotten would not be filled in.
func TestEachText(t *testing.T) {
	full := state.ServiceQuery{
		Service: "x", SamenessGroup: "x", Near: "x", Peer: "x", OnlyPassing: true, Connect: true,
		Failover: state.QueryFailoverOptions{
			NearestN: 1, Datacenters: []string{"x"}, Targets: []state.QueryFailoverTarget{{Peer: "x", Datacenter: "x"}},
		},
		IgnoreCheckIDs: []string{"x"}, Tags: []string{"x", "x"},
		NodeMeta: map[string]string{"k": "x", "l": "x"}, ServiceMeta: map[string]string{"k": "x"},
	}
	v := reflect.ValueOf(&full).Elem()
	for n := range v.NumField() {
		if v.Field(n).IsZero() {
			t.Fatalf("the test does not know of %s", v.Type().Field(n).Name)
		}
	}
	var paths []string
	if err := eachText("S", v, func(path, text string) (string, error) {
		paths = append(paths, path)
		return text + "y", nil
	}); err != nil {
		t.Fatal(err)
	}
	want := "S.Service S.SamenessGroup S.Failover.Datacenters[0] S.Failover.Targets[0].Peer S.Failover.Targets[0].Datacenter " +
		"S.IgnoreCheckIDs[0] S.Near S.Tags[0] S.Tags[1] S.NodeMeta[k] S.NodeMeta[l] S.ServiceMeta[k] S.Peer"
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if full.NodeMeta["l"] != "xy" || full.Tags[1] != "xy" || full.Failover.Targets[0].Datacenter != "xy" {
		t.Errorf("not changed: %+v", full)
	}
}

func TestTemplateThatCannotBe(t *testing.T) {
	long := template("x", "${"+strings.Repeat("(", maxText))
	if err := ValidateTemplate(&long); !errors.As(err, new(Fault)) || !strings.Contains(err.Error(), "more than") {
		t.Errorf("a long text: got %v", err)
	}
	deep := template("x", "${"+strings.Repeat("(", maxText-2))
	if err := ValidateTemplate(&deep); !errors.As(err, new(Fault)) {
		t.Errorf("a deep text: got %v, want a Fault", err)
	}
}

// FuzzTemplate: what is accepted can be filled in for any name, and whatever
// comes is either that or a Fault.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"web", "${name.full}", "${match(1)}-${name.suffix}", "$${x}", "$", "${", "${1/0}", "${1+2*3}", "${true ? \"a\" : 1}",
		"${match(match(0))}", "${\"${name.full}\"}", "${-1}", "${1 % 0}", "${a[0]}", "${name.full[0]}", "${0x}", "${1.5 + 1}", "${!true}", "${\"\\x\"}",
	} {
		f.Add(text, "^(.*)-(.*)$", "name")
	}
	f.Fuzz(func(t *testing.T, text, pattern, name string) {
		q := template("x", text)
		q.Template.Regexp = pattern
		q.Service.Tags = []string{text}
		if err := ValidateTemplate(&q); err != nil {
			if !errors.As(err, new(Fault)) {
				t.Errorf("got %v, want a Fault", err)
			}
			return
		}
		if _, err := fill(&q, "x"+name); err != nil && !errors.As(err, new(Fault)) {
			t.Errorf("got %v, want a Fault", err)
		}
	})
}

func BenchmarkFill(b *testing.B) {
	geo := template("geo-db", "${match(1)}")
	geo.Template.Regexp = `^geo-db-(.*?)-([^\-]+?)$`
	geo.Service.Tags = []string{"${match(2)}"}
	for b.Loop() {
		if _, err := fill(&geo, "geo-db-customer-primary"); err != nil {
			b.Fatal(err)
		}
	}
}
