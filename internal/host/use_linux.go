package host

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

func openFiles() (Use, error) {
	const path = "/proc/sys/fs/file-nr" // proc_sys_fs(5)
	text, err := os.ReadFile(path)
	if err != nil {
		return Use{}, err
	}
	var use Use
	var free uint64 // always 0 since Linux 2.6
	if _, err := fmt.Sscan(string(text), &use.Used, &free, &use.Total); err != nil {
		return Use{}, fmt.Errorf("%s: %w", path, err)
	}
	return use, nil
}

func ownFiles() (Use, error) {
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return Use{}, err
	}
	most, err := mostFiles()
	return Use{uint64(len(files)) - 1, most}, err // but for that folder
}

func mostFiles() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("getrlimit: %w", err)
	}
	return limit.Cur, nil
}

// unsynchronized is STA_UNSYNC of adjtimex(2).
const unsynchronized = 0x40

func clockError() (time.Duration, error) {
	var told syscall.Timex // asks for no change
	_, err := syscall.Adjtimex(&told)
	switch {
	case errors.Is(err, syscall.EPERM):
		return 0, unknown("the system does not let this process ask for its clock")
	case err != nil:
		return 0, fmt.Errorf("adjtimex: %w", err)
	case told.Status&unsynchronized != 0:
		return 0, unknown("nothing keeps this machine's clock, as the kernel knows")
	default:
		return time.Duration(told.Maxerror) * time.Microsecond, nil
	}
}
