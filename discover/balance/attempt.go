package balance

import (
	"context"
	"time"
)

// Attempt is one call to one target, after its end, for observers.
type Attempt struct {
	Context context.Context // of the call
	Target  *Target
	Number  int           // 1 for the first of a request; 0 if unknown
	Cause   error         // how the one before failed; nil for the first, or if unknown
	Took    time.Duration // until its end
	Err     error         // how it ended
	Failed  bool          // it counts as a failure of the target
}
