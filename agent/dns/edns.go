package dns

import (
	"encoding/binary"
	"net"

	"github.com/miekg/dns"
)

// option writes what is said of EDNS (RFC 6891) to somebody who spoke of it:
// as many bytes as they take, and for which of their neighbours the answer
// holds too (RFC 7871).
func (r *request) option(msg []byte, sh *sheet) []byte {
	msg = append(msg, 0, 0, byte(dns.TypeOPT))
	msg = binary.BigEndian.AppendUint16(msg, uint16(r.takes))
	msg = append(msg, 0, 0, 0, 0)
	length := len(msg)
	msg = append(msg, 0, 0)
	if r.subnet != nil {
		scope := r.subnet.SourceNetmask
		switch {
		case !sh.local, sh.rcode == dns.RcodeNameError, sh.rcode == dns.RcodeServerFailure,
			sh.rcode == dns.RcodeRefused, sh.rcode == dns.RcodeNotImplemented:
			scope = 0 // for everybody
		}
		msg = appendSubnet(msg, r.subnet, scope)
	}
	binary.BigEndian.PutUint16(msg[length:], uint16(len(msg)-length-2))
	return msg
}

// appendSubnet appends the option of a client's subnet. It has as many bytes
// of the address as the mask counts.
func appendSubnet(msg []byte, subnet *dns.EDNS0_SUBNET, scope uint8) []byte {
	address := subnet.Address.To4()
	if subnet.Family == 2 {
		address = subnet.Address.To16()
	}
	mask := net.CIDRMask(int(subnet.SourceNetmask), 8*len(address))
	address = address.Mask(mask)[:(int(subnet.SourceNetmask)+7)/8]
	msg = binary.BigEndian.AppendUint16(msg, dns.EDNS0SUBNET)
	msg = binary.BigEndian.AppendUint16(msg, uint16(4+len(address)))
	msg = binary.BigEndian.AppendUint16(msg, subnet.Family)
	msg = append(msg, subnet.SourceNetmask, scope)
	return append(msg, address...)
}

// subnet returns the subnet that a message was asked for; nil for none.
func subnet(option *dns.OPT) *dns.EDNS0_SUBNET {
	if option != nil {
		for _, o := range option.Option {
			if subnet, ok := o.(*dns.EDNS0_SUBNET); ok {
				return subnet
			}
		}
	}
	return nil
}
