package conformance

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// question is a line of a list that is asked over DNS, in dig's words:
//
//	DIG [+OPTION...] NAME TYPE [CLASS][, NAME TYPE [CLASS]...]
//
// +tcp, +norecurse, +adflag, +cdflag, +header-only, +opcode=NAME, +bufsize=N,
// +edns=VERSION, +dnssec, +subnet=ADDRESS/BITS and +cookie=HEX are dig's, but
// without one of the last five there is no EDNS. +count is our own: of an answer
// that holds a random choice of the records there are, only how many. +raw=HEX
// sends these bytes instead of a question, and +silence waits for a moment only:
// there is to be no answer.
type question struct {
	network string
	counts  bool
	silence bool
	raw     []byte // what is sent, if it is not the message
	message *dns.Msg
}

// How long an answer is waited for, where there is to be one and where not.
const (
	digTimeout = 20 * time.Second
	silence    = 200 * time.Millisecond
)

// parseQuestion reads a line without its first word.
func parseQuestion(text string) (question, error) {
	q := question{network: "udp", message: new(dns.Msg)}
	q.message.Id, q.message.RecursionDesired = dns.Id(), true
	for {
		option, rest, _ := strings.Cut(text, " ")
		if !strings.HasPrefix(option, "+") {
			break
		}
		if err := q.set(option); err != nil {
			return q, err
		}
		text = rest
	}
	for one := range strings.SplitSeq(text, ", ") {
		if one == "" {
			continue // +header-only, +raw
		}
		words := strings.Fields(one)
		if len(words) == 2 {
			words = append(words, "IN")
		}
		if len(words) != 3 {
			return q, fmt.Errorf("want NAME TYPE [CLASS], got %q", one)
		}
		kind, known := dns.StringToType[words[1]]
		class, knownClass := dns.StringToClass[words[2]]
		if !known || !knownClass {
			return q, fmt.Errorf("%q has no known type or class", one)
		}
		q.message.Question = append(q.message.Question, dns.Question{Name: dns.Fqdn(words[0]), Qtype: kind, Qclass: class})
	}
	return q, nil
}

// set takes an option.
func (q *question) set(option string) (err error) {
	name, value, _ := strings.Cut(option, "=")
	switch name {
	case "+tcp":
		q.network = "tcp"
	case "+count":
		q.counts = true
	case "+silence":
		q.silence = true
	case "+raw":
		q.raw, err = hex.DecodeString(value)
	case "+norecurse":
		q.message.RecursionDesired = false
	case "+adflag":
		q.message.AuthenticatedData = true
	case "+cdflag":
		q.message.CheckingDisabled = true
	case "+header-only":
	case "+opcode":
		opcode, known := dns.StringToOpcode[value]
		if !known {
			return fmt.Errorf("%s: unknown", option)
		}
		q.message.Opcode = opcode
	case "+bufsize":
		var size uint64
		size, err = strconv.ParseUint(value, 10, 16)
		q.edns().SetUDPSize(uint16(size))
	case "+edns":
		var version uint64
		version, err = strconv.ParseUint(value, 10, 8)
		q.edns().SetVersion(uint8(version))
	case "+dnssec":
		q.edns().SetDo()
	case "+subnet":
		var ip net.IP
		var subnet *net.IPNet
		if ip, subnet, err = net.ParseCIDR(value); err != nil {
			return err
		}
		bits, length := subnet.Mask.Size()
		family := uint16(1)
		if length > 32 {
			family = 2
		}
		q.edns().Option = append(q.edns().Option, &dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: family, SourceNetmask: uint8(bits), Address: ip})
	case "+cookie":
		q.edns().Option = append(q.edns().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: value})
	default:
		return fmt.Errorf("%s: no such option", option)
	}
	return err
}

// edns returns the question's EDNS record, with dig's size if there was none.
func (q *question) edns() *dns.OPT {
	if q.message.IsEdns0() == nil {
		q.message.SetEdns0(1232, false)
	}
	return q.message.IsEdns0()
}

// ask sends the question and returns the answer in the form of the transcript.
func (q question) ask(address string) (string, error) {
	plain, err := net.DialTimeout(q.network, address, digTimeout)
	if err != nil {
		return "", err
	}
	conn := &dns.Conn{Conn: plain, UDPSize: dns.MaxMsgSize}
	defer conn.Close()
	timeout := digTimeout
	if q.silence {
		timeout = silence
	}
	if err := conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return "", err
	}
	if q.raw == nil {
		if q.raw, err = q.message.Pack(); err != nil {
			return "", err
		}
	}
	if _, err := conn.Write(q.raw); err != nil {
		return "", err
	}
	raw, err := conn.ReadMsgHeader(nil)
	switch {
	case errors.Is(err, io.EOF): // it was closed
		return "no answer", nil
	case q.silence && errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer", nil
	case err != nil:
		return "", err
	}
	answer := new(dns.Msg)
	if err := answer.Unpack(raw); err != nil {
		return "", fmt.Errorf("the answer's %d bytes: %w", len(raw), err)
	}
	if asked := binary.BigEndian.Uint16(q.raw); answer.Id != asked {
		return "", fmt.Errorf("asked as %d, answered as %d", asked, answer.Id)
	}
	return q.text(answer, len(raw)), nil
}

// text writes an answer much as dig does.
func (q question) text(answer *dns.Msg, size int) string {
	var out strings.Builder
	operation, known := dns.OpcodeToString[answer.Opcode]
	if !known {
		operation = fmt.Sprintf("OPCODE%d", answer.Opcode)
	}
	fmt.Fprintf(&out, "%s %s%s\n", operation, dns.RcodeToString[answer.Rcode], flags(answer))
	for _, asked := range answer.Question {
		fmt.Fprintf(&out, "? %s %s %s\n", asked.Name, dns.Class(asked.Qclass), dns.Type(asked.Qtype))
	}
	for _, section := range []struct {
		name    string
		records []dns.RR
	}{{"answer", answer.Answer}, {"authority", answer.Ns}, {"additional", answer.Extra}} {
		lines := inOrder(section.records)
		if q.counts {
			lines = counted(section.records)
		}
		for _, line := range lines {
			fmt.Fprintf(&out, "%s: %s\n", section.name, line)
		}
	}
	fmt.Fprintf(&out, "%d bytes", size)
	return out.String()
}

func flags(answer *dns.Msg) string {
	var set string
	for _, flag := range []struct {
		name string
		set  bool
	}{
		{"qr", answer.Response}, {"aa", answer.Authoritative}, {"tc", answer.Truncated}, {"rd", answer.RecursionDesired},
		{"ra", answer.RecursionAvailable}, {"z", answer.Zero}, {"ad", answer.AuthenticatedData}, {"cd", answer.CheckingDisabled},
	} {
		if flag.set {
			set += " " + flag.name
		}
	}
	return set
}

// inOrder returns the records as lines, in an order of their own: registries
// shuffle them. What belongs to the target of an alias stays behind it.
func inOrder(records []dns.RR) []string {
	var groups [][]string
	var target string
	for _, record := range records {
		if target == "" || record.Header().Name != target {
			groups = append(groups, nil)
			target = ""
		}
		last := &groups[len(groups)-1]
		*last = append(*last, recordText(record))
		if alias, ok := record.(*dns.CNAME); ok {
			target = alias.Target
		}
	}
	slices.SortStableFunc(groups, func(a, b []string) int { return cmp.Compare(a[0], b[0]) })
	return slices.Concat(groups...)
}

// counted returns how many records there are of each type.
func counted(records []dns.RR) []string {
	var types []string
	for _, record := range records {
		if record.Header().Rrtype == dns.TypeOPT {
			types = append(types, recordText(record))
			continue
		}
		types = append(types, dns.Type(record.Header().Rrtype).String())
	}
	slices.Sort(types)
	var lines []string
	for n := 0; n < len(types); {
		same := n + 1
		for same < len(types) && types[same] == types[n] {
			same++
		}
		lines = append(lines, fmt.Sprintf("%d × %s", same-n, types[n]))
		n = same
	}
	return lines
}

// recordText writes a record in one line. A zone's says when it was asked, which
// is not compared.
func recordText(record dns.RR) string {
	line := strings.TrimSpace(strings.NewReplacer("\t", " ", "\n", " ").Replace(record.String()))
	if soa, ok := record.(*dns.SOA); ok && time.Since(time.Unix(int64(soa.Serial), 0)).Abs() < time.Hour {
		line = strings.Replace(line, fmt.Sprintf(" %d ", soa.Serial), " NOW ", 1)
	}
	return line
}
