package host

import (
	"encoding/json"
	"errors"
	"testing"
)

// What a machine does not tell is named in the errors; the rest is there.
func TestLook(t *testing.T) {
	info := Look(t.Context())
	var missing []string
	for part, told := range map[string]bool{
		"memory":     info.Memory.Total > 0 && info.Memory.Used <= info.Memory.Total,
		"processors": len(info.CPU) > 0,
		"host":       info.Host.OS != "" && info.Host.Hostname != "",
		"disk":       info.Disk.Path == "/" && info.Disk.Total > 0,
	} {
		if !told {
			missing = append(missing, part)
		}
	}
	if len(missing) > len(info.Errors) || len(missing) == 4 {
		t.Errorf("nothing is said of %v, with the errors %v", missing, info.Errors)
	}
	if info.CollectionTime == 0 {
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
