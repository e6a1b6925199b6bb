package lab

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// accel is how QEMU runs the host's instructions.
type accel struct {
	name      string
	args      []string
	snapshots bool          // resume a snapshot instead of booting
	boot      time.Duration // limit of a boot up to the answer of the SSH server, on a busy machine
}

// Emulation is slow: a boot takes minutes, so it is worth a snapshot. The processor is QEMU's richest without what its
// emulation does not do well enough for Xen: with smap dom0 dies at once; with rdtscp PVH and HVM guests die early ("SVM
// Insn len emulation failed"); with avx or xsave xl fails at random. Its family is one without a GART: for one with it, Linux
// reads the configuration of thousands of PCI devices that are not there, which takes an HVM guest minutes.
var tcg = accel{
	name:      "tcg",
	args:      []string{"-accel", "tcg,thread=multi", "-cpu", "max,family=22,model=48,-smap,-rdtscp,-xsave,-avx,-avx2,-f16c,-fma,-pku,-fsgsbase"},
	snapshots: true,
	boot:      15 * time.Minute,
}

// With hardware virtualisation a boot takes seconds, and snapshots with nested guests are not everywhere reliable.
var kvm = accel{
	name: "kvm",
	args: []string{"-accel", "kvm", "-cpu", "host"},
	boot: 3 * time.Minute,
}

// chooseAccel takes KVM where it works. A /dev/kvm that opens is no proof: without the hardware behind it QEMU aborts when
// it sets up the processor, so a machine is set up, without running it.
func chooseAccel(ctx context.Context) accel {
	processor, err := os.ReadFile("/proc/cpuinfo")
	if err != nil || !bytes.Contains(processor, []byte("vmx")) && !bytes.Contains(processor, []byte("svm")) {
		return tcg
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	probe := exec.CommandContext(ctx, qemu, append(kvm.args, "-nodefaults", "-display", "none", "-S", "-monitor", "stdio")...)
	probe.Stdin = strings.NewReader("quit\n")
	if probe.Run() != nil {
		return tcg
	}
	return kvm
}
