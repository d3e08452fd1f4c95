// Package test tells whole-system stories: muster's programs as real processes
// on loopback, seen from outside only, over HTTP and signals.
//
// The stories of the list in stories_test.go are told with the same assertions
// on every kind of registry: on muster's by "go test", on a real Consul with
// the build tag conformance ("make conformance"). They refuse to look inside a
// program and to try again what failed.
package test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// muster is the program under test, built anew for each run.
var muster string

func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == systemctl {
		beSystemctl()
	}
	if registry := os.Getenv(instanceVariable); registry != "" {
		if err := beInstance(registry); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	flag.Parse()
	// Stories wait more than they compute: tell them all at once, however few
	// the processors are.
	if err := flag.Set("test.parallel", "32"); err != nil {
		return 0, err
	}
	if err := dependOnSources(".."); err != nil {
		return 0, err
	}
	folder, err := os.MkdirTemp("", "muster-test-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	muster = filepath.Join(folder, "muster")
	args := []string{"build", "-o", muster}
	if raceDetector {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/realjf/muster")...)
	if output, err := build.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build muster: %w\n%s", err, output)
	}
	return m.Run(), nil
}

// dependOnSources looks at every file that could become part of the program.
// The go command repeats a passed test's result while the files that the test
// looked at are unchanged; it cannot know that this test builds a program.
func dependOnSources(root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && (name == ".git" || name == ".bin") {
			return filepath.SkipDir
		}
		_, err = os.Stat(path)
		return err
	})
}
