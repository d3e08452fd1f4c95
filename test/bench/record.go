package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/realjf/muster/test/program"
	"github.com/realjf/muster/test/registry"
)

// service is a service that is read, of so many instances.
type service struct {
	name      string
	instances int
}

var (
	fifty   = service{name: "fifty", instances: 50}
	hundred = service{name: "hundred", instances: 100}
)

// fill registers the service, waits until every instance is in the registry's
// answer, and returns that answer.
func (s service) fill(ctx context.Context, r *registry.Registry) ([]byte, error) {
	conn, err := connect(ctx, r.Address())
	if err != nil {
		return nil, err
	}
	defer conn.net.Close()
	for n := range s.instances {
		if _, err := conn.do(put("/v1/agent/service/register", instance(s.name, uint64(n), ""))); err != nil {
			return nil, err
		}
	}
	var body []byte
	err = program.Until(ctx, func(ctx context.Context) error {
		var status int
		var err error
		if status, body, err = r.Get(ctx, "/v1/health/service/"+s.name+"?passing"); err != nil {
			return err
		}
		var known []json.RawMessage
		if err := json.Unmarshal(body, &known); err != nil {
			return err
		}
		if status != http.StatusOK || len(known) != s.instances {
			return fmt.Errorf("service %s: status %d, %d instances", s.name, status, len(known))
		}
		return nil
	})
	return body, err
}

// record writes what a registry of the kind answers for each service that is
// read into folder: the bytes that the minimal server sends.
func record(ctx context.Context, kind registry.Kind, folder string) (err error) {
	r, err := registry.New(kind)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.End()) }()
	if err := r.Start(ctx); err != nil {
		return err
	}
	for _, s := range []service{fifty, hundred} {
		body, err := s.fill(ctx, r)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, s.name+".json"), body, 0o600); err != nil {
			return err
		}
	}
	return nil
}
