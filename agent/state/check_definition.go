package state

import (
	"reflect"
	"time"
)

// CheckDefinition says how a check of the catalog is to be run by whoever
// watches over nodes without an agent. The registry keeps it, and runs
// nothing. Its fields and their JSON are those of Consul's catalog.
type CheckDefinition struct {
	Interval                       DurationText `json:",omitempty"`
	OutputMaxSize                  uint         `json:",omitempty"`
	Timeout                        DurationText `json:",omitempty"`
	DeregisterCriticalServiceAfter DurationText `json:",omitempty"`

	HTTP              string              `json:",omitempty"`
	TLSServerName     string              `json:",omitempty"`
	TLSSkipVerify     bool                `json:",omitempty"`
	Header            map[string][]string `json:",omitempty"`
	Method            string              `json:",omitempty"`
	Body              string              `json:",omitempty"`
	DisableRedirects  bool                `json:",omitempty"`
	TCP               string              `json:",omitempty"`
	TCPUseTLS         bool                `json:",omitempty"`
	UDP               string              `json:",omitempty"`
	H2PING            string              `json:",omitempty"`
	OSService         string              `json:",omitempty"`
	H2PingUseTLS      bool                `json:",omitempty"`
	ScriptArgs        []string            `json:",omitempty"`
	DockerContainerID string              `json:",omitempty"`
	Shell             string              `json:",omitempty"`
	GRPC              string              `json:",omitempty"`
	GRPCUseTLS        bool                `json:",omitempty"`
	AliasNode         string              `json:",omitempty"`
	AliasService      string              `json:",omitempty"`
	TTL               time.Duration       `json:",omitempty"` // a number of nanoseconds, unlike the others
}

// DurationText is a time span that is text in JSON.
type DurationText time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d DurationText) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *DurationText) UnmarshalText(text []byte) error {
	span, err := time.ParseDuration(string(text))
	*d = DurationText(span)
	return err
}

// Definition is a CheckDefinition, or none, which is {} in JSON.
type Definition struct{ *CheckDefinition }

// Kind returns what kind of check it describes, in Consul's words; nothing for
// none.
func (d Definition) Kind() string {
	if d.CheckDefinition == nil {
		return ""
	}
	timed := d.Interval > 0
	switch {
	case d.GRPC != "" && timed:
		return "grpc"
	case d.HTTP != "" && timed:
		return "http"
	case d.TTL > 0:
		return "ttl"
	case d.TCP != "" && timed:
		return "tcp"
	case d.UDP != "" && timed:
		return "udp"
	case d.AliasNode != "" || d.AliasService != "":
		return "alias"
	case len(d.ScriptArgs) > 0 && d.DockerContainerID != "" && timed:
		return "docker"
	case len(d.ScriptArgs) > 0:
		return "script"
	case d.H2PING != "" && timed:
		return "h2ping"
	case d.OSService != "" && timed:
		return "os_service"
	default:
		return ""
	}
}

func (d Definition) same(e Definition) bool { return d == e || reflect.DeepEqual(d, e) }
