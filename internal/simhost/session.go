package simhost

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/unix"
)

// session serves one session channel: environment, one exec request, signals.
func (h *Host) session(ch ssh.Channel, requests <-chan *ssh.Request) {
	env := h.environment()
	var p *process
	var now turn
	for r := range requests {
		ok := false
		switch r.Type {
		case "env":
			var v struct{ Name, Value string }
			if ok = ssh.Unmarshal(r.Payload, &v) == nil; ok {
				env = append(env, v.Name+"="+v.Value)
			}
		case "exec":
			var v struct{ Command string }
			if p == nil && ssh.Unmarshal(r.Payload, &v) == nil {
				now = h.turn()
				if now.full {
					v.Command = withoutSpace + v.Command
				}
				if now.at(Asked); !now.is(Asked) {
					p = h.exec(v.Command, env)
				}
				ok = p != nil
			}
		case "signal":
			var v struct{ Name string }
			ok = p != nil && ssh.Unmarshal(r.Payload, &v) == nil && h.signal(p, v.Name)
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if ok && r.Type == "exec" {
			go h.attend(ch, p, now)
		}
	}
	// The client has closed the session: the process is not killed, it only finds its standard streams closed.
	if p != nil {
		p.hangUp()
	}
	_ = ch.Close()
}

// process is the shell of one session and the host's ends of its standard input, output and error.
type process struct {
	*os.Process
	pipes [3]*os.File
}

func (p *process) hangUp() {
	for _, f := range p.pipes {
		_ = f.Close()
	}
}

// exec starts a command as sshd does: by the shell, in a session and a process group of its own, over three pipes.
func (h *Host) exec(command string, env []string) *process {
	cmd := exec.Command("/bin/sh", "-c", command)
	cmd.Env, cmd.Dir = env, h.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipes, err := connect(cmd)
	if err != nil {
		return nil
	}
	p := &process{pipes: pipes}
	if !h.begin(cmd) {
		p.hangUp()
		return nil
	}
	p.Process = cmd.Process
	return p
}

// attend carries a process's streams until it is gone and says how it ended.
func (h *Host) attend(ch ssh.Channel, p *process, now turn) {
	defer h.sessions.Done()
	go func() {
		if now.is(Torn) {
			tear(p.pipes[0], ch)
			now.at(Torn)
		} else {
			_, _ = io.Copy(p.pipes[0], ch)
		}
		_ = p.pipes[0].Close()
	}()
	var output sync.WaitGroup
	output.Go(func() { _, _ = io.Copy(&firstOutput{ch, func() { now.at(Begun) }}, p.pipes[1]) })
	output.Go(func() { _, _ = io.Copy(ch.Stderr(), p.pipes[2]) })
	state, err := p.Wait()
	h.ended(p.Pid)
	now.at(Ended)
	if err == nil {
		report(ch, state)
	}
	// Like sshd, the channel stays open while any child still holds the standard output.
	output.Wait()
	p.hangUp()
	_ = ch.Close()
}

// connect gives cmd three pipes and returns the host's ends: standard input, output and error.
func connect(cmd *exec.Cmd) ([3]*os.File, error) {
	var read, write [3]*os.File
	var errs [3]error
	for i := range read {
		read[i], write[i], errs[i] = os.Pipe()
	}
	if err := errors.Join(errs[:]...); err != nil {
		return [3]*os.File{}, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = read[0], write[1], write[2]
	return [3]*os.File{write[0], read[1], read[2]}, nil
}

// begin starts cmd unless the host is closing, and closes the ends of the pipes that the child has now.
func (h *Host) begin(cmd *exec.Cmd) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	err := cmd.Start()
	for _, f := range []any{cmd.Stdin, cmd.Stdout, cmd.Stderr} {
		if c, ok := f.(io.Closer); ok {
			_ = c.Close()
		}
	}
	if err != nil {
		return false
	}
	h.running[cmd.Process.Pid] = struct{}{}
	h.sessions.Add(1)
	return true
}

// signal sends a signal, named as in RFC 4254 section 6.9, to the process group of a session that still runs.
func (h *Host) signal(p *process, name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	number := unix.SignalNum("SIG" + name)
	if _, alive := h.running[p.Pid]; !alive || number == 0 {
		return false
	}
	return syscall.Kill(-p.Pid, number) == nil
}

func (h *Host) ended(pid int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.running, pid)
}

// report tells the client how the shell ended: exit-status or exit-signal, RFC 4254 section 6.10.
func report(ch ssh.Channel, state *os.ProcessState) {
	status, ok := state.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		name := unix.SignalName(status.Signal())
		_, _ = ch.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Name       string
			CoreDumped bool
			Message    string
			Language   string
		}{Name: name[len("SIG"):]}))
		return
	}
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(state.ExitCode())}))
}

// killGroup ends a process group that a session left behind.
func killGroup(pid int) error { return syscall.Kill(-pid, syscall.SIGKILL) }
