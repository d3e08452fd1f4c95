// Package check finds out whether things are healthy. A [Definition] says
// what to look at and how often; a [Runner] looks, applies the thresholds and
// reports each result.
//
// A kind of check is a file with a probe and a line in kinds.go. The package
// does not know services or nodes, and keeps no history: what a result means
// for whom is for the one who started the check.
package check

import (
	"context"
	"net/http"
	"time"

	"github.com/realjf/muster/agent/state"
)

// Definition describes one check. Exactly one kind is chosen, by the field
// that names its target; TTL is the kind that is told instead of looking.
// The rules for the fields are Consul's (api-docs/agent/check).
type Definition struct {
	HTTP             string      // URL to request
	Method           string      // of the request; GET by default
	Header           http.Header // of the request
	Body             string      // of the request
	DisableRedirects bool        // take a redirect as the answer

	TLSServerName string // expected in the certificate; the target's host by default
	TLSSkipVerify bool   // accept any certificate

	TCP       string // address to connect to
	TCPUseTLS bool   // and to greet

	UDP string // address to send to

	GRPC       string // address to call, and after a slash the service to ask for
	GRPCUseTLS bool

	H2PING       string // address to connect to
	H2PingUseTLS bool   // which Consul's definitions do unless they say no

	ScriptArgs []string // program to run, and its arguments

	OSService string // unit of systemd to ask for

	AliasNode    string // node whose checks count; the agent's own by default
	AliasService string // id of the service whose checks count besides

	Host string // what the machine is held against, like memory<90%; see docs/configuration.md

	TTL time.Duration // longest time between two reports from outside

	Interval time.Duration // time between two probes; at least MinInterval is kept
	Timeout  time.Duration // of one probe; that of its kind by default

	OutputMaxSize          int // bytes of output kept; DefaultOutputSize by default
	SuccessBeforePassing   int // consecutive good results that turn it passing or warning
	FailuresBeforeWarning  int // consecutive bad results that turn it warning
	FailuresBeforeCritical int // consecutive bad results that turn it critical

	// FlapDamping holds back the recovery of a check that turns critical more
	// often than once in this time, see damping; 0 or less for none. It is
	// muster's own.
	FlapDamping time.Duration
}

// Consul's limits.
const (
	MinInterval       = time.Second
	DefaultTimeout    = 10 * time.Second // of what asks over a network
	CommandTimeout    = 30 * time.Second // of what runs a program
	DefaultOutputSize = 4096
)

// Result is what one look found.
type Result struct {
	Status state.Status
	Output string // text for people: what was asked and what came back
}

// Report is what a look came to.
type Report struct {
	Result
	// Held says that the thresholds keep the status that the check had: the
	// result is what was found.
	Held bool
}

// watcher is a prober that knows when to look again: it reports each time,
// until ctx ends.
type watcher interface {
	prober
	watch(ctx context.Context, report func(Result))
}

// prober looks once. It returns when it knows or when ctx ends, keeps no more
// output than it was made for, and is never called twice at a time.
type prober interface {
	probe(ctx context.Context) Result
}
