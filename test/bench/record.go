package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/realjf/muster/test/program"
	"github.com/realjf/muster/test/registry"
)

// asked is a question that is read, and what must be there for its answer.
type asked struct {
	path  string
	body  func(n uint64) []byte // of the n-th registration
	count uint64                // of registrations
	size  int                   // of the answer: a list's or an object's elements
}

// The questions.
var (
	threeHealthy    = healthy("three", 3)
	tenHealthy      = healthy("ten", 10)
	fiftyHealthy    = healthy("fifty", 50)
	hundredHealthy  = healthy("hundred", 100)
	thousandHealthy = healthy("thousand", 1000)

	thousandNames  = asked{path: "/v1/catalog/services", count: 1000, size: 1001, body: single} // and consul itself
	twoThousandOwn = asked{path: "/v1/agent/services", count: 2000, size: 2000, body: single}
)

// questions are those whose answers the minimal server is given.
var questions = []asked{threeHealthy, tenHealthy, fiftyHealthy, hundredHealthy, thousandHealthy, thousandNames, twoThousandOwn}

// healthy asks for the healthy instances of a service.
func healthy(service string, instances int) asked {
	return asked{
		path: "/v1/health/service/" + service + "?passing", count: uint64(instances), size: instances,
		body: func(n uint64) []byte { return instance(service, n, "") },
	}
}

// single is an instance of a service that has no other.
func single(n uint64) []byte { return instance(fmt.Sprintf("single-%d", n), n, "") }

// prepare registers what the question is about, waits until all of it is in
// the registry's answer, and returns that answer.
func (q asked) prepare(ctx context.Context, r *registry.Registry) ([]byte, error) {
	if err := sendAll(ctx, r.Address(), q.count, func(n uint64) []byte { return register(q.body(n)) }); err != nil {
		return nil, err
	}
	var body []byte
	err := program.Until(ctx, func(ctx context.Context) error {
		var status int
		var err error
		if status, body, err = r.Get(ctx, q.path); err != nil {
			return err
		}
		size, err := elements(body)
		if err != nil {
			return err
		}
		if status != http.StatusOK || size != q.size {
			return fmt.Errorf("%s: status %d, %d elements, want %d", q.path, status, size, q.size)
		}
		return nil
	})
	return body, err
}

// elements returns how many elements a JSON list or object has.
func elements(body []byte) (int, error) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		return len(list), nil
	}
	var object map[string]json.RawMessage
	err := json.Unmarshal(body, &object)
	return len(object), err
}

// record writes what a registry of the kind answers to each question into
// folder: the bytes that the minimal server sends, in a file that is named
// like the path, escaped.
func record(ctx context.Context, kind registry.Kind, folder string) error {
	for _, q := range questions {
		if err := recordOne(ctx, kind, folder, q); err != nil {
			return fmt.Errorf("record %s: %w", q.path, err)
		}
	}
	return nil
}

func recordOne(ctx context.Context, kind registry.Kind, folder string, q asked) (err error) {
	r, err := registry.New(kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.End()) }()
	if err := r.Start(ctx); err != nil {
		return err
	}
	body, err := q.prepare(ctx, r)
	if err != nil {
		return err
	}
	path, err := url.Parse(q.path)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, url.PathEscape(path.Path)), body, 0o600)
}
