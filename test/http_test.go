package test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// reply is a whole HTTP answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) String() string { return fmt.Sprintf("%d %s", r.status, strings.TrimSpace(r.body)) }

// get asks once. Any answer is an answer; an error is a request that failed.
func get(ctx context.Context, client *http.Client, url string) (reply, error) {
	return ask(ctx, client, http.MethodGet, url)
}

func ask(ctx context.Context, client *http.Client, method, url string) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return reply{}, err
	}
	return send(client, request)
}

// send asks what the request does, and reads the answer.
func send(client *http.Client, request *http.Request) (reply, error) {
	response, err := client.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{}, fmt.Errorf("%s %s: %w", request.Method, request.URL, err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(body)}, nil
}

// discovery is the body of an answer of /discovery.
type discovery struct {
	Instances []instance `json:"instances"`
	Error     string     `json:"error"`
}

type instance struct {
	ID, Service, Address string
	Port                 int
	Tags                 []string
	Meta                 map[string]string
	Weights              struct{ Passing, Warning int }
	Datacenter, Node     string
	Status               string
}

// discover asks a service for the instances of serviceName.
func discover(ctx context.Context, client *http.Client, from string) (reply, []instance, error) {
	got, err := get(ctx, client, from+"/discovery?serviceName="+serviceName)
	if err != nil {
		return reply{}, nil, err
	}
	var d discovery
	if err := json.Unmarshal([]byte(got.body), &d); err != nil {
		return reply{}, nil, fmt.Errorf("discovery answered %v: %w", got, err)
	}
	return got, d.Instances, nil
}

// sees waits until a service's /discovery lists exactly the wanted ones.
func (s *scene) sees(limit time.Duration, from *service, want ...*service) {
	s.Helper()
	var wanted []int
	for _, v := range want {
		wanted = append(wanted, v.port)
	}
	slices.Sort(wanted)
	s.eventually(limit, fmt.Sprintf("%s discovers %v", from.Name(), wanted), func(ctx context.Context) error {
		got, instances, err := discover(ctx, http.DefaultClient, from.url(""))
		if err != nil {
			return err
		}
		if ports := portsOf(instances); !slices.Equal(ports, wanted) {
			return fmt.Errorf("it discovers %v (status %d)", ports, got.status)
		}
		return nil
	})
}

func portsOf(instances []instance) []int {
	var ports []int
	for _, i := range instances {
		ports = append(ports, i.Port)
	}
	slices.Sort(ports)
	return ports
}

// entry is an instance as the registry's own API shows it.
type entry struct {
	Service struct {
		ID          string
		Port        int
		CreateIndex uint64
	}
	Checks []struct{ ServiceID, Status string }
}

// passing reports whether the instance has a check of its own and every check
// of it and of its node is passing.
func (e entry) passing() bool {
	own := false
	for _, check := range e.Checks {
		if check.Status != "passing" {
			return false
		}
		own = own || check.ServiceID == e.Service.ID
	}
	return own
}

// registered asks the registry itself for every instance of a service, healthy
// or not.
func (s *scene) registered(ctx context.Context, name string) ([]entry, error) {
	got, err := get(ctx, http.DefaultClient, s.registry.URL("/v1/health/service/"+name))
	if err != nil {
		return nil, err
	}
	var entries []entry
	if err := json.Unmarshal([]byte(got.body), &entries); err != nil {
		return nil, fmt.Errorf("the registry answered %v: %w", got, err)
	}
	return entries, nil
}

// entryOf returns what the registry itself shows of a service's instance.
func (s *scene) entryOf(ctx context.Context, v *service) (entry, error) {
	entries, err := s.registered(ctx, serviceName)
	if err != nil {
		return entry{}, err
	}
	for _, e := range entries {
		if e.Service.Port == v.port {
			return e, nil
		}
	}
	return entry{}, fmt.Errorf("the registry does not have %s", v.Name())
}
