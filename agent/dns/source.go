package dns

import (
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// controlSize is enough for what comes with a datagram, of both families.
var controlSize = len(ipv4.NewControlMessage(ipv4.FlagDst)) + len(ipv6.NewControlMessage(ipv6.FlagDst))

// sources asks the system to tell of every datagram to which address it was
// sent, where conn listens on all of them: an answer must come from there. It
// reports whether it does.
func sources(conn *net.UDPConn) (bool, error) {
	if !conn.LocalAddr().(*net.UDPAddr).IP.IsUnspecified() {
		return false, nil
	}
	err6 := ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true)
	err4 := ipv4.NewPacketConn(conn).SetControlMessage(ipv4.FlagDst, true)
	if err6 != nil && err4 != nil { // a socket is of one family, or of both
		return false, err4
	}
	return true, nil
}

// answerFrom returns what goes with an answer so that it comes from where its
// question went, which control told.
func answerFrom(control []byte) []byte {
	if len(control) == 0 {
		return nil
	}
	var of6 ipv6.ControlMessage
	var of4 ipv4.ControlMessage
	to := net.IP(nil) // of either family, whichever the socket is of
	if of6.Parse(control) == nil {
		to = of6.Dst
	}
	if to == nil && of4.Parse(control) == nil {
		to = of4.Dst
	}
	switch {
	case to == nil:
		return nil
	case to.To4() != nil:
		return (&ipv4.ControlMessage{Src: to.To4()}).Marshal()
	default:
		return (&ipv6.ControlMessage{Src: to}).Marshal()
	}
}
