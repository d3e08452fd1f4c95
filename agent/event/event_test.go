package event

import (
	"strings"
	"testing"

	"github.com/realjf/muster/agent/state"
)

func TestConcerns(t *testing.T) {
	services := []*state.Service{{Service: "web", Tags: []string{"blue", "v2"}}, {Service: "db"}}
	for _, tc := range []struct {
		name string
		e    Event
		want bool
	}{
		{"no filter", Event{}, true},
		{"this node", Event{NodeFilter: "^n1$"}, true},
		{"another node", Event{NodeFilter: "n2"}, false},
		{"a service", Event{ServiceFilter: "we"}, true},
		{"no such service", Event{ServiceFilter: "^we$"}, false},
		{"a service with a tag", Event{ServiceFilter: "web", TagFilter: "v[0-9]"}, true},
		{"a tag of another service", Event{ServiceFilter: "db", TagFilter: "v2"}, false},
		{"node and service", Event{NodeFilter: "n2", ServiceFilter: "web"}, false},
		{"running a command", Event{Name: "_rexec"}, false},
	} {
		if got := tc.e.Concerns("n1", services); got != tc.want {
			t.Errorf("%s: got %t", tc.name, got)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct{ node, service, tag, want string }{
		{"", "", "t", "Cannot provide tag filter without service filter"},
		{"*", "", "", "Invalid node filter: "},
		{"", "*", "", "Invalid service filter: "},
		{"", "web", "*", "Invalid tag filter: "},
	} {
		if _, err := New("deploy", nil, tc.node, tc.service, tc.tag); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: got %v", tc, err)
		}
	}
}

func TestNewRefusesWhatNoPacketHolds(t *testing.T) {
	if _, err := New("deploy", make([]byte, 400), "", "", ""); err != nil {
		t.Errorf("400 bytes: %v", err)
	}
	if _, err := New("deploy", make([]byte, 500), "", "", ""); err == nil {
		t.Error("500 bytes and the rest of an event were taken")
	}
}

func TestIndexIsOneHalfOverTheOther(t *testing.T) {
	e := Event{ID: "00000000-0000-00ff-0000-000000000f0f"}
	if got := e.Index(); got != 0xff^0xf0f {
		t.Errorf("got %#x", got)
	}
	if got := (Event{ID: "00000000-0000-0001-0000-000000000001"}).Index(); got != 1 {
		t.Errorf("equal halves: got %d, and no index may be 0", got)
	}
}

func TestLogKeepsTheLastAndTells(t *testing.T) {
	var log Log
	before, changed := log.Look()
	if len(before) != 0 {
		t.Fatalf("a new log holds %d events", len(before))
	}
	for range Kept + 10 {
		log.Fire(Event{Name: "deploy"}, true)
	}
	select {
	case <-changed:
	default:
		t.Error("who waited was not told")
	}
	events, changed := log.Look()
	if len(events) != Kept || events[0].LTime != 12 || events[Kept-1].LTime != Kept+11 {
		t.Errorf("got %d events, from %d", len(events), events[0].LTime)
	}
	log.Fire(Event{Name: "elsewhere"}, false)
	select {
	case <-changed:
		t.Error("told of an event that concerns others")
	default:
	}
	log.Fire(Event{Name: "later"}, true)
	if events[0].LTime != 12 || events[Kept-1].Name != "deploy" {
		t.Error("a list in somebody's hands changed")
	}
}
