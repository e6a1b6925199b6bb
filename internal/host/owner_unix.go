//go:build !windows

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// checkOwner refuses a file in ~/.ssh that somebody else may have written, as ssh(1) does.
func checkOwner(path string) error {
	home, err := expandHome("~/.ssh")
	if err != nil || filepath.Dir(path) != home {
		return nil //nolint:nilerr // without a home there is no such folder
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if info.Mode().Perm()&0o022 != 0 || known && owner.Uid != 0 && int(owner.Uid) != os.Getuid() {
		return fmt.Errorf("%s: bad owner or permissions: others may write it (chmod go-w %[1]s)", path)
	}
	return nil
}
