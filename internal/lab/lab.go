package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Lab is a Xen host in QEMU, described by files in a folder.
type Lab struct {
	Folder string // has env, id_ed25519, known_hosts, guests/, qemu.pid, qemu.log, serial.log and dom0's disk
	Steps  *Steps // is told what happens
}

// Names in a lab's folder.
const (
	envFile    = "env"
	pidFile    = "qemu.pid"
	knownHosts = "known_hosts"
	guests     = "guests"
)

// datastore is where the provider keeps its records and disks unless told otherwise.
const datastore = "/var/lib/terraform-provider-xen"

func (l *Lab) path(name string) string { return filepath.Join(l.Folder, name) }

// Env returns how to reach the running lab.
func (l *Lab) Env() (Env, error) { return ReadEnv(l.path(envFile)) }

// Build builds what the lab is made of into the cache folder, unless it is there.
func (l *Lab) Build(ctx context.Context) error {
	_, _, err := l.prepare(ctx)
	return err
}

// prepare returns the folder of the built lab and how its machine is to run.
func (l *Lab) prepare(ctx context.Context) (string, accel, error) {
	if err := l.installTools(ctx, tools()); err != nil {
		return "", accel{}, err
	}
	how := chooseAccel(ctx)
	if how.name == tcg.name {
		l.Steps.Say("no hardware virtualisation here: QEMU emulates the processor (TCG), which works, slowly")
	}
	folder, err := l.built(ctx, how)
	return folder, how, err
}

// Up starts the lab, and builds it first when it was never built. It does nothing when the lab is up and answers.
func (l *Lab) Up(ctx context.Context) error {
	folder, err := filepath.Abs(l.Folder)
	if err != nil {
		return err
	}
	l.Folder = folder
	if err := os.MkdirAll(l.Folder, 0o755); err != nil {
		return fmt.Errorf("making the lab's folder: %w", err)
	}
	release, err := lock(ctx, l.path("lock"), func() { l.Steps.Say("waiting: another process works on the lab in %s", l.Folder) })
	if err != nil {
		return err
	}
	defer release()

	// An emulated host that is busy answers late; ending it would end somebody's work.
	if env, err := l.Env(); err == nil && env.answers(ctx, 2*time.Minute) {
		l.Steps.Say("the lab is already up: %s has its address", l.path(envFile))
		return nil
	}
	if err := l.stop(); err != nil {
		return err
	}
	built, how, err := l.prepare(ctx)
	if err != nil {
		return err
	}
	err = l.start(ctx, built, how)
	if errors.Is(err, errSnapshot) {
		l.Steps.Say("%v; building the lab anew", err)
		if err := os.RemoveAll(built); err != nil {
			return err
		}
		if built, err = l.built(ctx, how); err != nil {
			return err
		}
		err = l.start(ctx, built, how)
	}
	return err
}

// start runs a copy of the built lab. A host that does not come up is started once more: an emulated one may fail by chance.
func (l *Lab) start(ctx context.Context, built string, how accel) error {
	err := l.startOnce(ctx, built, how)
	if err == nil || ctx.Err() != nil || errors.Is(err, errSnapshot) {
		return err
	}
	l.Steps.Say("the host did not come up, starting it once more: %v", err)
	if err = l.startOnce(ctx, built, how); err != nil {
		return fmt.Errorf("the host did not come up in the second attempt either: %w", err)
	}
	return nil
}

func (l *Lab) startOnce(ctx context.Context, built string, how accel) (err error) {
	if err := l.fill(ctx, built); err != nil {
		return fmt.Errorf("filling %s: %w", l.Folder, err)
	}
	if how.snapshots {
		l.Steps.Say("resuming the booted host ...")
	} else {
		l.Steps.Say("booting the host ...")
	}
	process, env, err := l.boot(ctx, machine{folder: l.Folder, accel: how, resume: how.snapshots}, built)
	if err != nil {
		return err
	}
	if err := l.describe(ctx, env); err != nil {
		process.end()
		return err
	}
	l.Steps.Say("the lab is up: . %s, or `lab ssh`", l.path(envFile))
	return nil
}

// fill copies the built lab into the lab's folder: a run may change its disk, and guests their files.
func (l *Lab) fill(ctx context.Context, built string) error {
	for _, name := range []string{dom0Disk, clientKey, guests, "boot"} {
		if err := os.RemoveAll(l.path(name)); err != nil {
			return err
		}
		if err := l.run(ctx, "cp", "-R", "--reflink=auto", "--sparse=always", "--", filepath.Join(built, name), l.path(name)); err != nil {
			return err
		}
	}
	return nil
}

// boot starts a machine on a free port and waits until dom0 answers. built is the folder with the keys.
func (l *Lab) boot(ctx context.Context, machine machine, built string) (*process, Env, error) {
	env, err := l.envOf(built)
	if err != nil {
		return nil, env, err
	}
	if env.Port, err = freePort(); err != nil {
		return nil, env, err
	}
	machine.port = env.Port
	process, err := machine.start()
	if err != nil {
		return nil, env, err
	}
	limit := machine.accel.boot
	if machine.resume {
		limit = 3 * time.Minute
	}
	if err := process.await(ctx, env, limit); err != nil {
		process.end()
		return nil, env, err
	}
	return process, env, nil
}

// envOf describes a lab that is about to run, but for its port.
func (l *Lab) envOf(built string) (Env, error) {
	key, err := readHostKey(built)
	return Env{
		Host:           "127.0.0.1",
		User:           "root",
		PrivateKeyFile: filepath.Join(built, clientKey),
		HostKey:        key,
		Datastore:      datastore,
		Kernel:         l.path("guests/vmlinuz"),
		Ramdisk:        l.path("guests/ramdisk.img"),
		Disk:           l.path("guests/root.img"),
		CDROM:          l.path("guests/install.iso"),
		Bridge:         "br0",
	}, err
}

// describe sets the clock of the running host and writes the files that say how to reach it; env comes last.
func (l *Lab) describe(ctx context.Context, env Env) error {
	if err := env.setClock(ctx); err != nil {
		return err
	}
	known := fmt.Sprintf("[%s]:%s %s\n", env.Host, env.Port, env.HostKey)
	if err := os.WriteFile(l.path(knownHosts), []byte(known), 0o644); err != nil {
		return err
	}
	env.PrivateKeyFile = l.path(clientKey)
	return env.Write(l.path(envFile))
}

// Down ends the lab. What it was built from stays in the cache folder.
func (l *Lab) Down(ctx context.Context) error {
	if _, err := os.Stat(l.Folder); errors.Is(err, os.ErrNotExist) {
		l.Steps.Say("no lab runs in %s", l.Folder)
		return nil
	}
	release, err := lock(ctx, l.path("lock"), func() { l.Steps.Say("waiting: another process works on the lab in %s", l.Folder) })
	if err != nil {
		return err
	}
	defer release()
	if err := l.stop(); err != nil {
		return err
	}
	l.Steps.Say("the lab in %s is down", l.Folder)
	return nil
}

// stop ends the lab's QEMU, if it runs, and removes what says that it does.
func (l *Lab) stop() error {
	if err := endIn(l.Folder); err != nil {
		return err
	}
	for _, name := range []string{envFile, pidFile, dom0Disk} {
		if err := os.Remove(l.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cleaning %s: %w", l.Folder, err)
		}
	}
	return nil
}

// freePort returns a loopback port that nobody listens on.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
