package check

import (
	"errors"
	"time"
)

// Errors of a definition that can never work, in Consul's words.
var (
	//lint:ignore ST1005 clients see Consul's text
	ErrIntervalAndTTL = errors.New("Interval and TTL cannot both be specified")
	//lint:ignore ST1005 clients see Consul's text
	ErrNoInterval = errors.New("Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks")
	//lint:ignore ST1005 clients see Consul's text
	ErrAliasInterval = errors.New("Interval cannot be set for Alias checks")
	ErrAliasTTL      = errors.New("TTL must be not be set for Alias checks")
	ErrNoTTL         = errors.New("TTL must be > 0 for TTL checks")
	ErrOutputSize    = errors.New("MaxOutputMaxSize must be positive")
	ErrThresholds    = errors.New("FailuresBeforeWarning can't be higher than FailuresBeforeCritical")
)

// kind is one way to find out. A new kind is a line in kinds and a file.
type kind struct {
	name    string // as the registry's answers call it
	rank    int    // answers name the one with the least; see [Definition.Kind]
	timeout time.Duration
	chosen  func(Definition) bool
	prober  func(*Runner, Definition) prober
}

// kinds are in the order in which one is run of several that are asked for,
// which is Consul's.
var kinds = []kind{
	{"http", 2, DefaultTimeout, func(d Definition) bool { return d.HTTP != "" }, newHTTP},
	{"tcp", 3, DefaultTimeout, func(d Definition) bool { return d.TCP != "" }, newTCP},
	{"udp", 4, DefaultTimeout, func(d Definition) bool { return d.UDP != "" }, newUDP},
	{"grpc", 1, DefaultTimeout, func(d Definition) bool { return d.GRPC != "" }, newGRPC},
	{"os_service", 9, CommandTimeout, func(d Definition) bool { return d.OSService != "" }, newOSService},
	{"script", 7, CommandTimeout, func(d Definition) bool { return len(d.ScriptArgs) > 0 }, newScript},
	{"h2ping", 8, DefaultTimeout, func(d Definition) bool { return d.H2PING != "" }, newH2Ping},
	{nameHost, 10, DefaultTimeout, func(d Definition) bool { return d.Host != "" }, newHost},
	{nameAlias, 5, DefaultTimeout, func(d Definition) bool { return d.AliasNode != "" || d.AliasService != "" }, newAlias},
}

// nameAlias is the kind that looks when there is something to see; it has no
// interval.
const nameAlias = "alias"

// nameHost is the kind that looks at the machine itself.
const nameHost = "host"

// nameTTL is the kind that is told from outside; the runner keeps its time.
const nameTTL = "ttl"

// Kind returns what the registry's answers call this kind of check. Of several
// that are asked for it may be another than the one that is run: so it is with
// Consul.
func (d Definition) Kind() string {
	var named *kind
	for n := range kinds {
		if k := &kinds[n]; k.chosen(d) && (named == nil || k.rank < named.rank) {
			named = k
		}
	}
	if named == nil {
		return nameTTL
	}
	return named.name
}

// kind returns what is run; nil is a TTL.
func (d Definition) kind() *kind {
	for n := range kinds {
		if kinds[n].chosen(d) {
			return &kinds[n]
		}
	}
	return nil
}

// Validate returns why the definition can never work, or nil.
func (d Definition) Validate() error {
	if err := d.validateHost(); err != nil {
		return err
	}
	if d.FlapDamping > 0 && !d.Damps() {
		return ErrDamping
	}
	alias := d.AliasNode != "" || d.AliasService != ""
	run := d.kind()
	probes := run != nil && run.name != nameAlias // which comes last
	switch {
	case d.Interval > 0 && d.TTL > 0:
		return ErrIntervalAndTTL
	case probes && d.Interval <= 0:
		return ErrNoInterval
	case probes && alias:
		return ErrAliasInterval
	case alias && d.TTL > 0:
		return ErrAliasTTL
	case !probes && !alias && d.TTL <= 0:
		return ErrNoTTL
	case d.OutputMaxSize < 0:
		return ErrOutputSize
	case d.FailuresBeforeWarning > d.FailuresBeforeCritical:
		return ErrThresholds
	default:
		return nil
	}
}
