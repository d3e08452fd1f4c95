package host

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestLook(t *testing.T) {
	info := Look(t.Context())
	if len(info.Errors) > 0 {
		t.Skipf("this machine does not tell all: %v", info.Errors)
	}
	switch {
	case info.Memory.Total == 0 || info.Memory.Used > info.Memory.Total:
		t.Errorf("memory: %+v", info.Memory)
	case len(info.CPU) == 0:
		t.Error("no processors")
	case info.Host.OS == "" || info.Host.Hostname == "":
		t.Errorf("host: %+v", info.Host)
	case info.Disk.Path != "/" || info.Disk.Total == 0:
		t.Errorf("disk: %+v", info.Disk)
	case info.CollectionTime == 0:
		t.Error("no time")
	}
}

func TestErrorsAreToldAsText(t *testing.T) {
	got, err := json.Marshal(Info{Errors: []Error{{errors.New("no such thing")}}})
	const want = `{"Memory":null,"CPU":null,"Host":null,"Disk":null,"CollectionTime":0,"Errors":["no such thing"]}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
