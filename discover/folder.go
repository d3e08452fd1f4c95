package discover

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// folder is where the last list of a watch is kept, for a process that starts
// while the registry is down. Empty keeps none.
type folder string

const (
	// tooOld is the age from which a kept list is worth less than none.
	tooOld = 24 * time.Hour
	// headStart is how long the registry has to answer before a kept list
	// is used.
	headStart = time.Second

	formOfKept = 1
)

// kept is a list in its file.
type kept struct {
	Form      int // formOfKept
	Query     Query
	Confirmed time.Time
	Instances []keptInstance
	Unhealthy []keptInstance
}

// keptInstance has what the JSON of an instance leaves out.
type keptInstance struct {
	Instance
	Locality Locality
	Reason   string
}

// load returns the list that was kept for q. It is empty, with index 0, when
// there is none that can be used, and the error says so if there should be.
func (f folder) load(q Query, now time.Time) (Snapshot, error) {
	if f == "" {
		return Snapshot{}, nil
	}
	text, err := os.ReadFile(f.file(q))
	if errors.Is(err, fs.ErrNotExist) {
		return Snapshot{}, nil
	}
	var k kept
	if err == nil {
		err = json.Unmarshal(text, &k)
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("the list kept in %s: %w", f.file(q), err)
	}
	if age := now.Sub(k.Confirmed); k.Form != formOfKept || k.Query != q || age < 0 || age > tooOld {
		return Snapshot{}, nil
	}
	return Snapshot{Index: 1, Confirmed: k.Confirmed, Instances: instancesOf(k.Instances), Unhealthy: instancesOf(k.Unhealthy)}, nil
}

// save keeps s for q. The file is whole at any time.
func (f folder) save(q Query, s Snapshot) error {
	text, err := json.Marshal(kept{formOfKept, q, s.Confirmed, keptOf(s.Instances), keptOf(s.Unhealthy)})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(string(f), 0o700); err != nil {
		return err
	}
	out, err := os.CreateTemp(string(f), ".list-*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	if err = errors.Join(err, out.Close()); err == nil {
		err = os.Rename(out.Name(), f.file(q))
	}
	if err != nil {
		return errors.Join(err, os.Remove(out.Name()))
	}
	return nil
}

// file returns the name of the file for q: so that a person finds the
// service, and no two queries share one.
func (f folder) file(q Query) string {
	text, _ := json.Marshal(q) // a struct of texts has no way to fail
	sum := sha256.Sum256(text)
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.", r) || ('0' <= r && r <= '9') || ('a' <= r && r <= 'z') || ('A' <= r && r <= 'Z') {
			return r
		}
		return '_'
	}, q.Service)
	return filepath.Join(string(f), name[:min(len(name), 64)]+"-"+hex.EncodeToString(sum[:8])+".json")
}

func keptOf(all []Instance) []keptInstance {
	list := make([]keptInstance, len(all))
	for n, i := range all {
		list[n] = keptInstance{i, i.Locality, i.Reason}
	}
	return list
}

func instancesOf(all []keptInstance) []Instance {
	list := make([]Instance, len(all))
	for n, k := range all {
		list[n] = k.Instance
		list[n].Locality, list[n].Reason = k.Locality, k.Reason
	}
	return list
}
