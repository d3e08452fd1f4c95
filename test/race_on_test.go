//go:build race

package test

import "time"

// raceDetector: the program under test is built as the test is.
const raceDetector = true

// pause is longer than without the race detector, which makes a program
// several times as slow: a crowd of clients that wait for a processor measures
// nothing.
const pause = 500 * time.Millisecond
