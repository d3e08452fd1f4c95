// Package dns is the registry's other door: services and nodes as names of a
// zone, by the rules of Consul's DNS.
//
//	dig @127.0.0.1 -p 8600 web.service.consul SRV
//
// It answers from the state alone, and writes nothing. What is not of its zone
// it asks others, when it is told of some, and refuses otherwise. It signs
// nothing (no DNSSEC), transfers no zone, and takes no updates.
//
// A name is taken apart in names.go, an answer is found in answer.go, laid out
// in sheet.go and cut in trim.go; who asks again what was asked before gets it
// written anew, in another order, from the same sheet.
//
// https://developer.hashicorp.com/consul/docs/services/discovery/dns-overview
package dns

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/realjf/muster/agent/state"
	"github.com/realjf/muster/internal/quiet"
)

// Config has what may be chosen of a server beside its [Settings].
type Config struct {
	// Domain is the zone; "consul" by default. Names of AltDomain are answered
	// as well.
	Domain    string
	AltDomain string
	// Logger hears of what cannot be answered. Nil means silence.
	Logger *slog.Logger
}

// Server answers questions. Run it once; it is safe for concurrent use.
type Server struct {
	store    *state.Store
	here     func() state.Node
	zone     zone
	logger   *slog.Logger
	settings atomic.Pointer[inForce]
	kept     *cache
	waiting  chan struct{} // has one for each answer that waits for others
	conns    chan struct{} // has one for each connection
	silent   silent
	idle     time.Duration
	// handshake is how long one may take.
	handshake time.Duration

	doors []door
}

// What a server does at most at a time.
const (
	mostKept    = 1 << 18 // records in answers that are kept
	mostWaiting = 1 << 10 // answers that wait for others
	mostConns   = 1 << 10 // connections; for one more, one that is silent ends
)

// New returns a server of what store holds, on the node that here returns.
func New(store *state.Store, here func() state.Node, config Config, settings Settings) (*Server, error) {
	if config.Domain == "" {
		config.Domain = "consul"
	}
	config.Logger = quiet.Logger(config.Logger)
	s := &Server{
		store: store, here: here, zone: newZone(config.Domain, config.AltDomain), logger: config.Logger,
		kept: newCache(mostKept), waiting: make(chan struct{}, mostWaiting), conns: make(chan struct{}, mostConns), silent: silent{more: make(chan struct{}, 1)}, idle: idle, handshake: handshake,
	}
	return s, s.Adjust(settings)
}

// Adjust puts other settings into force.
func (s *Server) Adjust(settings Settings) error {
	f, err := newInForce(settings)
	if err != nil {
		return err
	}
	s.settings.Store(f)
	return nil
}

// door is an address that is listened on, over UDP and over TCP; or over TLS
// alone.
type door struct {
	udp *net.UDPConn // nil with secure
	tcp *net.TCPListener
	// secure says how to speak TLS over tcp (RFC 7858); nil for not at all.
	secure *tls.Config
}

// Listen binds an address, host:port, over UDP and TCP; port 0 takes one that
// is free for both. Questions are taken, and answered once Run is called. The
// error is that of package net: [syscall.EADDRINUSE] for an address in use.
func (s *Server) Listen(address string) error {
	d, err := open(address)
	if err == nil {
		s.doors = append(s.doors, d)
	}
	return err
}

// ListenTLS binds an address for DNS over TLS (RFC 7858), as [Server.Listen]
// does.
func (s *Server) ListenTLS(address string, secure *tls.Config) error {
	l, err := net.Listen("tcp", address)
	if err == nil {
		s.doors = append(s.doors, door{tcp: l.(*net.TCPListener), secure: secure})
	}
	return err
}

// tries is how often a free port is looked for: one that is free over TCP may
// be taken over UDP.
const tries = 20

func open(address string) (d door, err error) {
	for range tries {
		var l net.Listener
		if l, err = net.Listen("tcp", address); err != nil {
			return door{}, err
		}
		d.tcp = l.(*net.TCPListener)
		at := l.Addr().(*net.TCPAddr)
		d.udp, err = net.ListenUDP("udp", &net.UDPAddr{IP: at.IP, Port: at.Port, Zone: at.Zone})
		if err == nil {
			return d, nil
		}
		err = errors.Join(err, l.Close())
		if _, port, _ := net.SplitHostPort(address); port != "0" {
			break
		}
	}
	return door{}, err
}

// Addrs returns where it listens over UDP and TCP, as host:port.
func (s *Server) Addrs() []string { return s.addrs(false) }

// TLSAddrs returns where it listens over TLS.
func (s *Server) TLSAddrs() []string { return s.addrs(true) }

func (s *Server) addrs(secure bool) []string {
	all := []string{}
	for _, d := range s.doors {
		if (d.secure != nil) == secure {
			all = append(all, d.tcp.Addr().String())
		}
	}
	return all
}

// Close releases the addresses of a server that was never run.
func (s *Server) Close() error {
	var faults []error
	for _, d := range s.doors {
		faults = append(faults, d.tcp.Close())
		if d.udp != nil {
			faults = append(faults, d.udp.Close())
		}
	}
	return errors.Join(faults...)
}

// grace is how long answers under way may take to leave when the server ends.
const grace = time.Second

// Run answers until ctx ends, ends the answers under way, closes the addresses,
// waits for everything it started, and returns nil. It returns an error when
// listening fails.
func (s *Server) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	patience, lose := context.WithCancel(context.WithoutCancel(ctx)) // outlives ctx by the grace
	defer lose()

	var all sync.WaitGroup
	failures := make(chan error, 2*len(s.doors))
	serve := func(network string, f func(ctx, patience context.Context) error) {
		all.Go(func() { // ends with ctx; awaited below
			if err := f(ctx, patience); err != nil {
				failures <- fmt.Errorf("serve DNS over %s: %w", network, err)
				stop()
			}
		})
	}
	for _, d := range s.doors {
		network := "TLS"
		if d.secure == nil {
			network = "TCP"
			serve("UDP", func(ctx, patience context.Context) error { return s.serveUDP(ctx, patience, d.udp) })
		}
		serve(network, func(ctx, patience context.Context) error { return s.serveTCP(ctx, patience, d.tcp, d.secure) })
	}
	<-ctx.Done()
	defer time.AfterFunc(grace, lose).Stop()
	all.Wait()
	_ = s.Close() // some are closed already
	select {
	case failure := <-failures:
		return failure
	default:
		return nil
	}
}
