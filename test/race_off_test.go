//go:build !race

package test

import "time"

const raceDetector = false

// pause is how long a client of the crowd rests between two rounds, so that
// two cores are enough for the crowd and for what it visits.
const pause = 100 * time.Millisecond
