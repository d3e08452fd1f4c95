package announce

// What a registry may be beside a [Registry].
type (
	Reporter   = reporter
	Inspector  = inspector
	Examiner   = examiner
	Maintainer = maintainer
	Locator    = locator
)
