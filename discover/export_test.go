package discover

// What a source may be beside a [Source].
type (
	Opener  = opener
	Reacher = reacher
)
