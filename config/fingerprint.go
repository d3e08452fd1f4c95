package config

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
)

// Fingerprint tells apart what files and folders hold: of a folder, the files
// in it. What cannot be read counts by the reason.
func Fingerprint(paths []string) string {
	h := sha256.New() // whose Write never fails
	add := func(path string) {
		text, err := os.ReadFile(path)
		fmt.Fprintf(h, "%q %d %v\n", path, len(text), err)
		h.Write(text)
	}
	for _, path := range paths {
		entries, err := os.ReadDir(path)
		if err != nil { // it is no folder, most often
			add(path)
			continue
		}
		for _, entry := range entries {
			add(filepath.Join(path, entry.Name()))
		}
	}
	return string(h.Sum(nil))
}
