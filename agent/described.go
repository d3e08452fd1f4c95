package agent

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"time"
)

// described is the configuration in force as /v1/agent/self tells it: those of
// Consul's names that have a meaning here. Programs look there for the ports
// and for what is on.
func (a *Agent) described() map[string]any {
	c := a.config
	http, httpPort := a.doors.described("http")
	https, httpsPort := a.doors.described("https")
	networks := make([]string, len(c.AllowWriteFrom))
	for n, network := range c.AllowWriteFrom {
		networks[n] = network.String()
	}
	all := map[string]any{
		"ACLsEnabled":                false,
		"AdvertiseAddrWAN":           cmp.Or(c.WANAddress, c.NodeAddress),
		"AllowWriteHTTPFrom":         networks,
		"CheckUpdateInterval":        cmp.Or(c.CheckUpdateInterval, 5*time.Minute).String(),
		"ConnectEnabled":             false, // there is no certificate authority
		"ConnectSidecarMaxPort":      cmp.Or(c.SidecarPorts.Max, 21255),
		"ConnectSidecarMinPort":      cmp.Or(c.SidecarPorts.Min, 21000),
		"DataDir":                    c.DataDir,
		"DefaultQueryTime":           cmp.Or(c.DefaultWait, 5*time.Minute).String(),
		"DiscoveryMaxStale":          c.DiscoveryMaxStale.String(),
		"EnableCentralServiceConfig": !c.ProxiesAsRegistered,
		"CheckOutputMaxSize":         cmp.Or(c.CheckOutputMaxSize, 4096),
		"DiscardCheckOutput":         c.DiscardCheckOutput,
		"EnableLocalScriptChecks":    c.LocalScripts,
		"EnableRemoteScriptChecks":   c.RemoteScripts,
		"GRPCAddrs":                  []string{},
		"GRPCPort":                   -1,
		"GRPCTLSAddrs":               []string{},
		"GRPCTLSPort":                -1,
		"HTTPAddrs":                  http,
		"HTTPBlockEndpoints":         orNone(c.BlockEndpoints),
		"HTTPMaxConnsPerClient":      c.MaxConnsPerClient,
		"HTTPMaxHeaderBytes":         c.MaxHeaderBytes,
		"HTTPPort":                   httpPort,
		"HTTPSAddrs":                 https,
		"HTTPSPort":                  httpsPort,
		"KVMaxValueSize":             cmp.Or(c.Limits.ValueBytes, 512<<10),
		"MaxQueryTime":               cmp.Or(c.LongestWait, 10*time.Minute).String(),
		"PeeringEnabled":             false,
		"PrimaryDatacenter":          c.Datacenter,
		"SerfPortLAN":                cmp.Or(c.SerfPort, 8301),
		"ServerPort":                 cmp.Or(c.ServerPort, 8300),
		"SessionTTLMin":              c.MinSessionTTL.String(),
		"TxnMaxReqLen":               cmp.Or(c.Limits.TransactionBytes, 512<<10),
		"UIConfig":                   map[string]any{"Enabled": true, "ContentPath": "/ui/"},
	}
	maps.Copy(all, a.describedDNS())
	return all
}

// describedDNS is the part about DNS.
func (a *Agent) describedDNS() map[string]any {
	c, d := a.config, a.config.DNS
	addresses, port := []string{}, -1
	for _, address := range a.DNSAddrs() {
		addresses = append(addresses, "tcp://"+address, "udp://"+address)
		if bound, err := netip.ParseAddrPort(address); err == nil && port < 0 {
			port = int(bound.Port())
		}
	}
	strategy := "sequential"
	if d.RandomRecursor {
		strategy = "random"
	}
	ttls := map[string]string{}
	for name, ttl := range d.ServiceTTL {
		ttls[name] = ttl.String()
	}
	return map[string]any{
		"DNSARecordLimit":       d.ARecordLimit,
		"DNSAddrs":              addresses,
		"DNSAltDomain":          c.AltDomain,
		"DNSDisableCompression": d.NoCompression,
		"DNSDomain":             cmp.Or(c.Domain, "consul."),
		"DNSEnableTruncate":     d.EnableTruncate,
		"DNSNodeMetaTXT":        d.NodeMetaTXT,
		"DNSNodeTTL":            d.NodeTTL.String(),
		"DNSOnlyPassing":        d.OnlyPassing,
		"DNSPort":               port,
		"DNSRecursorStrategy":   strategy,
		"DNSRecursorTimeout":    d.RecursorTimeout.String(),
		"DNSRecursors":          orNone(d.Recursors),
		"DNSSOA":                map[string]int{"Expire": d.SOA.Expire, "Minttl": d.SOA.MinTTL, "Refresh": d.SOA.Refresh, "Retry": d.SOA.Retry},
		"DNSServiceTTL":         ttls,
		"DNSUDPAnswerLimit":     d.UDPAnswerLimit,
	}
}

// described returns the addresses of a scheme as Consul writes them, and the
// port of the first that has one; -1 for none.
func (ls listeners) described(scheme string) (addresses []string, port int) {
	addresses, port = []string{}, -1
	for _, l := range ls {
		if l.scheme != scheme {
			continue
		}
		addresses = append(addresses, l.Addr().Network()+"://"+l.Addr().String())
		if tcp, is := l.Addr().(*net.TCPAddr); is && port < 0 {
			port = tcp.Port
		}
	}
	return addresses, port
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
