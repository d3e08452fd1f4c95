package dns

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

// skim reads a plain question: a header, a name, and perhaps what is said of
// EDNS without options that change the answer. It reports false for anything
// else, which it leaves to those who read on.
func (r *request) skim(msg []byte, tcp, recurse bool) bool {
	const flags = response | opcodes
	if len(msg) < 12+5 || binary.BigEndian.Uint16(msg[2:])&flags != 0 || binary.BigEndian.Uint64(msg[4:])>>8 != 1<<40 {
		return false
	}
	end := 12
	for msg[end] != 0 {
		if msg[end] > 63 {
			return false
		}
		if end += int(msg[end]) + 1; end+5 > len(msg) {
			return false
		}
	}
	if end += 5; end-12 > 255+4 {
		return false
	}
	copy(r.header[:], msg)
	r.asked, r.tcp, r.recurse = msg[12:end], tcp, recurse
	switch rest := msg[end:]; msg[11] {
	case 0:
		return len(rest) == 0
	case 1:
		return r.skimOption(rest)
	default:
		return false
	}
}

// skimOption reads what is said of EDNS.
func (r *request) skimOption(rest []byte) bool {
	if len(rest) < 11 || rest[0] != 0 || binary.BigEndian.Uint16(rest[1:]) != dns.TypeOPT ||
		len(rest) != 11+int(binary.BigEndian.Uint16(rest[9:])) {
		return false
	}
	r.edns, r.takes = true, int(binary.BigEndian.Uint16(rest[3:]))
	for options := rest[11:]; len(options) > 0; {
		if len(options) < 4 {
			return false
		}
		if kind := binary.BigEndian.Uint16(options); kind != dns.EDNS0COOKIE && kind != dns.EDNS0PADDING {
			return false
		}
		length := 4 + int(binary.BigEndian.Uint16(options[2:]))
		if length > len(options) {
			return false
		}
		options = options[length:]
	}
	return true
}
