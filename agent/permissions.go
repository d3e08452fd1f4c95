package agent

import (
	"io/fs"
	"log/slog"
	"os"
	"runtime"
)

// others are the permissions that what holds secrets gives to nobody: any to
// other users, and to change it to the group. That a group reads is somebody's
// choice.
const others fs.FileMode = 0o027

// tellPermissions warns of the data directory and the file of tokens where
// other users of this machine may enter, read or change them.
func (c Config) tellPermissions(logger *slog.Logger) {
	if runtime.GOOS == "windows" { // which has other permissions than these
		return
	}
	for _, one := range []struct{ what, path, want string }{
		{"the data directory", c.DataDir, "700"},
		{"the file of HTTP tokens", c.HTTPTokenFile, "600"},
	} {
		if one.path == "" {
			continue
		}
		info, err := os.Stat(one.path)
		if err != nil || info.Mode().Perm()&others == 0 { // who needs it says what is wrong
			continue
		}
		logger.Warn(one.what+" is open to other users of this machine: tokens and values stand in it as they are",
			"path", one.path, "mode", info.Mode().Perm(), "advice", "chmod "+one.want+" "+one.path)
	}
}
