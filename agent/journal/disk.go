package journal

import "io"

// disk is the folder of a journal. What is written or named there is safe once
// it was synced: a file by its own Sync, a name by the folder's.
type disk interface {
	list() ([]string, error)
	open(name string) (io.ReadCloser, error)
	create(name string) (file, error) // in place of one of that name
	rename(from, to string) error
	remove(name string) error // no error when there is none
	sync() error
	close() error // gives it back
}

// file is a file that is written.
type file interface {
	io.WriteCloser
	Sync() error
	// found returns why the next agent would not find what is synced, or nil.
	found() error
}
