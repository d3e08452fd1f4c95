package config

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// commas returns the parts of a value that are separated by commas, as a line
// of CSV has them (RFC 4180): a part in quotes may hold commas, and a quote when
// that is doubled. Spaces around a part do not count.
func commas(text string) ([]string, error) {
	line := csv.NewReader(strings.NewReader(text))
	line.TrimLeadingSpace = true
	line.LazyQuotes = true // a quote within a part is one
	parts, err := line.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err == nil && line.InputOffset() < int64(len(text)) {
		err = errors.New("it has several lines")
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	for n, part := range parts {
		parts[n] = strings.TrimSpace(part)
	}
	return parts, nil
}

// textList is the value of a flag that may be repeated, and gives texts.
type textList struct{ into *[]string }

func (l textList) Set(text string) error {
	parts, err := commas(text)
	*l.into = append(*l.into, parts...)
	return err
}

func (l textList) Get() any { return *l.into }

func (l textList) String() string { return "" } // there is no default to show

// textPairs is the value of a flag that may be repeated, and gives texts with
// names.
type textPairs struct{ into *map[string]string }

func (p textPairs) Set(text string) error {
	parts, err := commas(text)
	if err != nil {
		return err
	}
	if *p.into == nil {
		*p.into = map[string]string{}
	}
	for _, part := range parts {
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return fmt.Errorf("%q: want KEY=VALUE", part)
		}
		(*p.into)[strings.TrimSpace(key)] = strings.TrimSpace(value)
	}
	return nil
}

func (p textPairs) Get() any { return *p.into }

func (p textPairs) String() string { return "" } // there is no default to show
