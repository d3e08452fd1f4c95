package journal

import (
	"fmt"
	"strings"
)

// What a file of the folder is, by its name.
type sort int

const (
	other sort = iota
	aLog
	aState
	anUnfinished // a state that was being written when the agent ended
)

const (
	logEnd        = ".log"
	stateEnd      = ".state"
	unfinishedEnd = ".new"
	damagedEnd    = ".damaged"
)

func logName(number int) string     { return fmt.Sprintf("%08d%s", number, logEnd) }
func stateName(number int) string   { return fmt.Sprintf("%08d%s", number, stateEnd) }
func unfinished(name string) string { return name + unfinishedEnd }

// parseName returns what a file is, and its number if it has one.
func parseName(name string) (number int, kind sort) {
	if strings.HasSuffix(name, stateEnd+unfinishedEnd) {
		return 0, anUnfinished
	}
	for end, kind := range map[string]sort{logEnd: aLog, stateEnd: aState} {
		if digits, is := strings.CutSuffix(name, end); is {
			if _, err := fmt.Sscanf(digits, "%d", &number); err == nil && fmt.Sprintf("%08d", number) == digits {
				return number, kind
			}
		}
	}
	return 0, other
}
