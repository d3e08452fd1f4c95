package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// asClient is the first argument of a process that is a client.
const asClient = "client"

// order is a line that a client is told.
type order struct {
	Keep  []string // services to follow, so that they can be read
	Tell  string   // a service to follow, and to note when the probe changes
	Each  []string // services to follow, and to note of each when its probe changes
	Clean bool     // collect garbage before the account is made
}

// account is what a client answers.
type account struct {
	Goroutines int
	Memory     uint64        // bytes of heap and stacks that are in use
	Resident   uint64        // bytes
	Processor  time.Duration // since it began
	Seen       []sight       // of the probe, since it began
	Latest     []sight       // of the probe of each that it was to note, in order
}

// sight is when a client knew of the probe's port first.
type sight struct {
	Port int
	At   time.Time
}

// serve is the client: it follows orders until there are no more.
func serve(name, address string, orders io.Reader, answers io.Writer) error {
	var w watcher
	for _, one := range watchers {
		if one.name == name {
			var err error
			if w, err = one.begin(address); err != nil {
				return err
			}
		}
	}
	if w == nil {
		return fmt.Errorf("no such client")
	}
	var seen sights
	var each []*sights
	in, out := json.NewDecoder(orders), json.NewEncoder(answers)
	for {
		var o order
		if err := in.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if o.Tell != "" {
			if err := w.tell(o.Tell, seen.note); err != nil {
				return err
			}
		}
		var all errgroup.Group
		all.SetLimit(16)
		for _, service := range o.Keep {
			all.Go(func() error { return w.keep(service) })
		}
		for _, service := range o.Each {
			its := &sights{}
			each = append(each, its)
			all.Go(func() error { return w.tell(service, its.note) })
		}
		if err := all.Wait(); err != nil {
			return err
		}
		a, err := accountOf(o.Clean)
		if err != nil {
			return err
		}
		a.Seen = seen.list()
		for _, its := range each {
			a.Latest = append(a.Latest, its.latest())
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
}

func accountOf(clean bool) (a account, err error) {
	if clean {
		runtime.GC()
		debug.FreeOSMemory()
	}
	a.Goroutines = runtime.NumGoroutine()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	a.Memory = m.HeapAlloc + m.StackInuse
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return a, err
	}
	a.Processor = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	a.Resident, err = resident()
	return a, err
}

// resident returns what the process holds of the machine's memory.
func resident() (uint64, error) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var kib uint64
		if _, err := fmt.Sscanf(lines.Text(), "VmRSS: %d kB", &kib); err == nil {
			return kib << 10, nil
		}
	}
	return 0, errors.New("/proc/self/status has no VmRSS")
}

// sights are when which port was seen first. Its methods may be called at once.
type sights struct {
	mu  sync.Mutex
	all []sight
}

func (s *sights) note(port int) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || s.all[len(s.all)-1].Port != port {
		s.all = append(s.all, sight{port, now})
	}
}

func (s *sights) list() []sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sight(nil), s.all...)
}

// latest is zero where nothing was seen.
func (s *sights) latest() sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 {
		return sight{}
	}
	return s.all[len(s.all)-1]
}

// client is a running client, as its parent sees it. It is used by one
// goroutine.
type client struct {
	name   string
	cmd    *exec.Cmd
	orders io.WriteCloser
	in     *json.Encoder
	out    *json.Decoder
	stderr strings.Builder
}

// start starts a client of a registry. Whoever starts one ends it.
func start(name, address string) (*client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &client{name: name, cmd: exec.Command(self, asClient, name, address)}
	c.cmd.Stderr = &c.stderr
	if c.orders, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	answers, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = json.NewEncoder(c.orders), json.NewDecoder(answers)
	return c, c.cmd.Start()
}

// do gives an order, waits until it is carried out, and returns the account. A
// client that takes longer than a minute is killed.
func (c *client) do(o order) (a account, err error) {
	defer time.AfterFunc(time.Minute, func() { _ = c.cmd.Process.Kill() }).Stop()
	if err = c.in.Encode(o); err == nil {
		err = c.out.Decode(&a)
	}
	if err != nil {
		err = fmt.Errorf("client %s: %w %s", c.name, err, c.stderr.String())
	}
	return a, err
}

// end lets the client end and waits until it has.
func (c *client) end() error {
	return errors.Join(c.orders.Close(), c.cmd.Wait())
}
