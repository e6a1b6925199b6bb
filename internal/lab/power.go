package lab

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

// monitor is the socket of QEMU's command line in the lab's folder.
const monitor = "monitor"

// PowerCycle cuts the power of the running host for a moment, and returns when it has booted again. What the host had not written to its
// disk is lost.
func (l *Lab) PowerCycle(ctx context.Context) error {
	env, err := l.Env()
	if err != nil {
		return err
	}
	if err := l.tell(ctx, "system_reset"); err != nil {
		return fmt.Errorf("cutting the power of the lab's host: %w", err)
	}
	for late := time.After(tcg.boot); !env.answers(ctx, 30*time.Second); {
		if _, runs := runningIn(l.Folder); !runs {
			return fmt.Errorf("QEMU ended when the power of the lab's host was cut\n%s", tailOf(l.path("qemu.log"), 30))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			return fmt.Errorf("the lab's host does not answer %s after its power was cut\n%s", tcg.boot, tailOf(l.path("serial.log"), 30))
		case <-time.After(time.Second):
		}
	}
	return env.setClock(ctx)
}

// tell gives QEMU's command line a command. The socket's path, which may be longer than one may be, is not dialled but that of its folder.
func (l *Lab) tell(ctx context.Context, command string) error {
	folder, err := os.Open(l.Folder)
	if err != nil {
		return err
	}
	defer folder.Close()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", folder.Fd(), monitor))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, command); err != nil {
		return err
	}
	const prompt = "(qemu) "
	said := bufio.NewReader(conn)
	for text, prompts := "", 0; prompts < 2; prompts = strings.Count(text, prompt) { // one before the command, one after it
		letter, err := said.ReadByte()
		if err != nil {
			return err
		}
		text += string(letter)
	}
	return nil
}
