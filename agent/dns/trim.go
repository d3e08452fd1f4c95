package dns

import (
	"math"
	"sort"
)

// What messages may hold. The figures are Consul's.
const (
	plainUDP    = 512        // bytes, for those who do not say more (RFC 1035, section 4.2.1)
	mostUDP     = 65535 - 68 // bytes of a datagram, however many are taken
	slackUDP    = 8          // bytes by which a datagram stays below
	mostTCP     = 65523      // bytes: a little less than a length of two bytes can say
	plainMost   = 8          // answers in 512 bytes, however many may be sent
	mostAnswers = 4096       // over TCP
	mostSRV     = 1024       // over TCP, of the kind that takes more room
	far         = 100        // bytes too many from which on more than one answer is taken away at a time
)

// cut says what is left of a message.
type cut struct {
	answers int
	// alone: nothing is in it but the answers and the addresses of their
	// targets.
	alone bool
	// bare: nor the authority.
	bare bool
	// loose: it is measured as if names were written out in full, so that it
	// also fits for those who write them so.
	loose bool
}

// bound is what a message must keep to.
type bound struct {
	bytes, slack int
	// answers are how many there may be whatever they weigh. Above them, a
	// message is measured loosely if loose says so.
	answers int
	loose   bool
}

// udpBound returns the bound of an answer over UDP to someone who takes so
// many bytes, 0 when that is not said.
func udpBound(takes, limit int) bound {
	takes = min(max(takes, plainUDP), mostUDP)
	if takes == plainUDP {
		return bound{bytes: takes, slack: slackUDP, answers: min(plainMost, limit), loose: true}
	}
	return bound{bytes: takes, slack: slackUDP, answers: math.MaxInt}
}

func tcpBound(srv bool) bound {
	if srv {
		return bound{bytes: mostTCP, answers: mostSRV}
	}
	return bound{bytes: mostTCP, answers: mostAnswers}
}

// trim returns what a message of n answers is cut to, and whether that is less
// than somebody may want to know of. size tells how many bytes what is left
// takes; the more answers, the more bytes. One answer is always sent, unless
// it is too large by far.
//
// The rule is Consul's: what is cut loses all but its answers, and is then cut
// until it fits.
func trim(n int, b bound, size func(cut) int) (left cut, less bool) {
	left.answers = n
	if n > b.answers {
		left.answers = b.answers
		if b.loose {
			left.alone, left.loose, less = true, true, true
		}
	}
	for left.answers > 1 && size(left) > b.bytes-b.slack {
		less, left.bare = true, true
		if size(left)-b.bytes > far {
			shorter := left
			shorter.alone = true
			left.answers = sort.Search(left.answers, func(k int) bool {
				shorter.answers = k + 1
				return size(shorter) > b.bytes
			})
		} else {
			left.answers--
		}
		left.alone = true
	}
	return left, less
}
