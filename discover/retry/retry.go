// Package retry makes calls again that failed or take long, within bounds.
//
// A [Budget] bounds retries to a share of the calls, for where everything fails
// they would make things worse. [Hedge] makes a call a second time when the first
// takes long; a [Percentile] follows how long that is.
//
// The package sends nothing and chooses no instance: its callers do. Package
// discover/httpdiscover uses all of it by itself.
package retry
