// Package lab runs a real Xen host in QEMU, for the demo and the acceptance tests: Xen 4.17 with a Debian 12 dom0 that answers
// SSH on a loopback port, and a kernel, a ramdisk, a root disk and an installer for small guests.
//
// The host is built once from Debian packages into a cache folder of the user, without mounts and, apart from missing tools,
// without root. Under emulation it is booted once, too: later starts resume a snapshot of the booted host. A running lab
// is described by files in a folder (.lab), first of all by its env file, which [ReadEnv] reads.
//
// Guests that obey contexts have disks of their own, which are built when somebody asks for them with [Lab.GuestImage].
package lab
