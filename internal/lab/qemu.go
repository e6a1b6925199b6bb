package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	qemu     = "qemu-system-x86_64"
	snapshot = "booted"
)

// machine is the emulated computer that Xen runs on. Its paths are relative to folder, where QEMU runs: a comma or a space
// in a user's path would not survive QEMU's option syntax.
type machine struct {
	folder string // has dom0.qcow2 and boot/; gets qemu.pid, qemu.log and serial.log
	accel  accel
	port   string // loopback port that leads to dom0's SSH server
	resume bool   // resume the snapshot instead of booting
	keep   bool   // take a snapshot when told so by takeSnapshot
}

// args are QEMU's arguments. A snapshot is resumed by the very machine that took it, so nothing here may depend on more than
// the recipe, but for the port.
func (m machine) args() []string {
	args := append([]string{
		"-name", "xen-lab",
		"-nodefaults",
		"-m", "4096", "-smp", "2",
		// Xen is loaded like a kernel, with dom0's kernel and ramdisk as its modules: no boot loader is needed.
		"-kernel", "boot/xen",
		// Without dom0_mem dom0's memory balloons with every guest, which is slow and hides lack of memory.
		// Xen doubts this processor's rdrand and asks, with a pause, for a word on it.
		"-append", "console=com1 com1=115200,8n1 dom0_mem=1536M,max:1536M cpuid=rdrand",
		"-initrd", "boot/vmlinuz root=/dev/vda ro console=hvc0 net.ifnames=0 quiet,boot/initrd.img",
		"-drive", "file=" + dom0Disk + ",if=virtio,discard=unmap",
		// The host is reached from this machine and reaches nothing itself.
		"-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:" + m.port + "-:22",
		"-device", "virtio-net-pci,netdev=net",
		"-display", "none",
		"-serial", "file:serial.log",
	}, m.accel.args...)
	if m.resume {
		args = append(args, "-loadvm", snapshot)
	}
	if m.keep {
		return append(args, "-monitor", "stdio")
	}
	return append(args, "-monitor", "unix:"+monitor+",server=on,wait=off")
}

// process is a running QEMU.
type process struct {
	machine machine
	pid     int
	monitor io.WriteCloser // QEMU's command line, nil unless machine.keep
	ended   chan struct{}  // closed when it has ended
}

// start starts QEMU in a session of its own: it outlives this process.
func (m machine) start() (*process, error) {
	log, err := os.Create(filepath.Join(m.folder, "qemu.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(qemu, m.args()...)
	command.Dir = m.folder
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	started := &process{machine: m, ended: make(chan struct{})}
	if m.keep {
		if started.monitor, err = command.StdinPipe(); err != nil {
			return nil, err
		}
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", qemu, err)
	}
	started.pid = command.Process.Pid
	go func() {
		_ = command.Wait() // how it ended does not matter to those who wait
		close(started.ended)
	}()
	// Noted at once: whoever comes after a killed process ends what it left.
	if err := os.WriteFile(filepath.Join(m.folder, pidFile), fmt.Appendln(nil, started.pid), 0o644); err != nil {
		started.end()
		return nil, err
	}
	return started, nil
}

// errSnapshot says that QEMU could not resume the snapshot.
var errSnapshot = errors.New("the snapshot of the booted host cannot be resumed")

// aboutSnapshot matches what QEMU says then: "Snapshot 'booted' does not exist", "error while loading state for instance 0".
var aboutSnapshot = regexp.MustCompile("(?i)snapshot|loading")

// await waits until the host answers, and fails when QEMU ends or the time is over.
func (p *process) await(ctx context.Context, env Env, limit time.Duration) error {
	late := time.After(limit)
	for !env.answers(ctx, 30*time.Second) {
		select {
		case <-p.ended:
			said := tailOf(filepath.Join(p.machine.folder, "qemu.log"), 20)
			if p.machine.resume && aboutSnapshot.MatchString(said) {
				return fmt.Errorf("%w: %s", errSnapshot, said)
			}
			return fmt.Errorf("QEMU ended: %s\n%s", said, p.serial())
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("it does not answer on port %s after %s\n%s", env.Port, limit, p.serial())
		case <-time.After(time.Second):
		}
	}
	return nil
}

// serial shows how far the host came.
func (p *process) serial() string {
	log := filepath.Join(p.machine.folder, "serial.log")
	return "last lines of " + log + ":\n" + tailOf(log, 20)
}

// takeSnapshot saves the running host into its disk and ends it.
func (p *process) takeSnapshot(ctx context.Context) error {
	if _, err := io.WriteString(p.monitor, "savevm "+snapshot+"\nquit\n"); err != nil {
		return fmt.Errorf("telling QEMU to take a snapshot: %w", err)
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	taken, err := output(ctx, "qemu-img", "snapshot", "-l", filepath.Join(p.machine.folder, dom0Disk))
	if err != nil || !strings.Contains(taken, snapshot) {
		return fmt.Errorf("QEMU took no snapshot; it said: %s", tailOf(filepath.Join(p.machine.folder, "qemu.log"), 20))
	}
	return nil
}

// end ends QEMU and waits for that.
func (p *process) end() {
	endProcess(p.pid, func() bool {
		select {
		case <-p.ended:
			return true
		default:
			return false
		}
	})
}

// endProcess asks a process to end, and kills it when it does not within 20 seconds.
func endProcess(pid int, ended func() bool) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(pid, signal) // it may be gone already
		for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
			if ended() {
				return
			}
		}
	}
}

// runningIn returns the process id of the QEMU that runs in folder and is noted there, or false. A process id alone proves
// nothing: it may have been given to another process since.
func runningIn(folder string) (int, bool) {
	text, err := os.ReadFile(filepath.Join(folder, pidFile))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, false
	}
	process := filepath.Join("/proc", strconv.Itoa(pid))
	program, _ := os.Readlink(filepath.Join(process, "exe"))
	works, _ := os.Readlink(filepath.Join(process, "cwd"))
	absolute, _ := filepath.Abs(folder)
	resolved, _ := filepath.EvalSymlinks(absolute)
	return pid, strings.HasPrefix(filepath.Base(program), "qemu-system-") && works == resolved
}

// endIn ends the QEMU that runs in folder, if there is one.
func endIn(folder string) error {
	pid, runs := runningIn(folder)
	if !runs {
		return nil
	}
	endProcess(pid, func() bool {
		_, runs := runningIn(folder)
		return !runs
	})
	if _, runs := runningIn(folder); runs {
		return fmt.Errorf("ending QEMU, process %d: it still runs; end it by hand", pid)
	}
	return nil
}
