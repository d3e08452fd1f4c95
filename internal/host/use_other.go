//go:build !linux

package host

import "time"

const notLinux = "it can be told on Linux only"

func openFiles() (Use, error) { return Use{}, unknown(notLinux) }

func ownFiles() (Use, error) { return Use{}, unknown(notLinux) }

func mostFiles() (uint64, error) { return 0, unknown(notLinux) }

func clockError() (time.Duration, error) { return 0, unknown(notLinux) }
