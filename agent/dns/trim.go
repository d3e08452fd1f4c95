package dns

import "math"

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
		if takes := size(left); takes-b.bytes > far {
			left.answers = most(left.answers, left.answers*b.bytes/takes, b.bytes, func(k int) int {
				shorter := left
				shorter.alone, shorter.answers = true, k
				return size(shorter)
			})
		} else {
			left.answers--
		}
		left.alone = true
	}
	return left, less
}

// guesses is how often the most is guessed before the rest is halved.
const guesses = 4

// most returns how many of n answers fit into as many bytes, where size tells
// how many bytes some of them take. It costs to measure; answers are about as
// large as each other, so what some of them take says well how many would fit.
// The first guess is the caller's.
func most(n, k, bytes int, size func(int) int) int {
	fit, unfit := 0, n+1
	for tries := 0; unfit-fit > 1; tries++ {
		k = max(fit+1, min(k, unfit-1))
		takes := size(k)
		if takes <= bytes {
			fit = k
		} else {
			unfit = k
		}
		if k = k * bytes / max(takes, 1); tries >= guesses {
			k = (fit + unfit) / 2
		}
	}
	return fit
}
