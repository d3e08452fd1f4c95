package mesh

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-bexpr"
)

// Bounds on filter expressions. The library's parser tries every way to read
// one and remembers none: each parenthesis within another takes four times as
// long, and one that nobody closes eight times, so that twenty bytes could keep
// a processor busy for ever. Consul has no bounds.
const (
	maxFilter      = 64 << 10  // bytes
	maxFilterSteps = 2_000_000 // of the parser: seven parentheses within each other, a tenth of a second or two
)

// ErrFilter is why an expression is not even tried: it is too long, or takes
// too long to read.
var ErrFilter = errors.New("the filter is too much to read")

// CheckFilter returns why an expression cannot be read as a filter
// (https://developer.hashicorp.com/consul/api-docs/features/filtering),
// whatever it is to be used on: [ErrFilter], or the parser's own words. Every
// expression goes through it before the parser may take the time it likes.
func CheckFilter(expression string) error {
	if len(expression) > maxFilter {
		return fmt.Errorf("%w: it has more than %d bytes", ErrFilter, maxFilter)
	}
	_, err := bexpr.Parse("", []byte(expression), bexpr.MaxExpressions(maxFilterSteps))
	if err != nil && strings.Contains(err.Error(), tooManySteps) {
		return fmt.Errorf("%w: put fewer parentheses within each other", ErrFilter)
	}
	return err
}

// tooManySteps is the parser's text for it, as the library writes it: it has no
// error that could be told otherwise.
const tooManySteps = "max number of expresssions parsed"
