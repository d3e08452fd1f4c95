//go:build race

package test

// raceDetector: the program under test is built as the test is.
const raceDetector = true
