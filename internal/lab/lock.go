package lab

import (
	"fmt"
	"os"
	"syscall"
)

// lock waits until nobody else holds the lock at path and takes it; wait is called first when somebody does.
// The lock ends with release or with this process, whatever comes first.
func lock(path string, wait func()) (release func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	descriptor := int(file.Fd())
	err = syscall.Flock(descriptor, syscall.LOCK_EX|syscall.LOCK_NB)
	if err == syscall.EWOULDBLOCK {
		wait()
		err = syscall.Flock(descriptor, syscall.LOCK_EX)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}
