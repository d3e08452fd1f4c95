package balance

import (
	"context"
	"time"
)

// Attempt is one call to one target, when it has ended, for who observes calls
// of any protocol.
type Attempt struct {
	Context context.Context // of the call
	Target  *Target         // where it went
	Number  int             // 1 for the first of a request; 0 where nobody counts
	Cause   error           // why there is another one: how one before it failed; nil for the first, and where nobody knows
	Took    time.Duration   // until its end
	Err     error           // how it ended
	Failed  bool            // it is the target's failure, and counts against it
}
