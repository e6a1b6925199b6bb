package lab

import (
	"fmt"
	"os"
	"strings"
)

// Env says how to reach a running lab and which guest files it offers. It is stored as lines of KEY='value' that a shell
// reads with `set -a; . .lab/env`.
type Env struct {
	Host           string // XEN_HOST: address of the host, 127.0.0.1
	Port           string // XEN_PORT: port of its SSH server, decimal
	User           string // XEN_USER: root
	PrivateKeyFile string // XEN_PRIVATE_KEY_FILE: absolute path of the client's key
	HostKey        string // XEN_HOST_KEY: the server's key, "ssh-ed25519 AAAA..."
	Datastore      string // XEN_DATASTORE: absolute path on the host

	// Files of guests, absolute paths on the client.
	Kernel  string // XEN_LAB_KERNEL, TF_VAR_kernel
	Ramdisk string // XEN_LAB_RAMDISK, TF_VAR_ramdisk
	Disk    string // XEN_LAB_DISK, TF_VAR_disk: raw, 64 MiB, ext4 labelled guest-root
	CDROM   string // XEN_LAB_INSTALL_ISO, TF_VAR_iso: installs a guest's system on the first disk, of at least 32 MiB, and powers off

	Bridge string // XEN_LAB_BRIDGE: the bridge with the host's uplink, br0
}

// variables names the variables of an Env and where their values live.
func (e *Env) variables() []struct {
	name  string
	value *string
} {
	return []struct {
		name  string
		value *string
	}{
		{"XEN_HOST", &e.Host},
		{"XEN_PORT", &e.Port},
		{"XEN_USER", &e.User},
		{"XEN_PRIVATE_KEY_FILE", &e.PrivateKeyFile},
		{"XEN_HOST_KEY", &e.HostKey},
		{"XEN_DATASTORE", &e.Datastore},
		{"XEN_LAB_KERNEL", &e.Kernel},
		{"XEN_LAB_RAMDISK", &e.Ramdisk},
		{"XEN_LAB_DISK", &e.Disk},
		{"XEN_LAB_INSTALL_ISO", &e.CDROM},
		{"XEN_LAB_BRIDGE", &e.Bridge},
		{"TF_VAR_kernel", &e.Kernel},
		{"TF_VAR_ramdisk", &e.Ramdisk},
		{"TF_VAR_disk", &e.Disk},
		{"TF_VAR_iso", &e.CDROM},
	}
}

// ReadEnv reads the env file of a running lab. It fails with fs.ErrNotExist when no lab runs, and when a variable is missing.
func ReadEnv(path string) (Env, error) {
	var env Env
	text, err := os.ReadFile(path)
	if err != nil {
		return env, fmt.Errorf("reading the lab's env file, which `lab up` writes: %w", err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "="); found {
			values[name] = unquote(value)
		}
	}
	for _, variable := range env.variables() {
		value, found := values[variable.name]
		if !found {
			return env, fmt.Errorf("%s has no %s: another version of the lab wrote it; run `lab down`, then `lab up`", path, variable.name)
		}
		*variable.value = value
	}
	return env, nil
}

// Write stores the variables at path, in one step: a reader sees all of them or none.
func (e Env) Write(path string) error {
	var text strings.Builder
	for _, variable := range e.variables() {
		fmt.Fprintf(&text, "%s=%s\n", variable.name, quote(*variable.value))
	}
	fmt.Fprintf(&text, "XEN_CONFIG_FILES=%s\n", quote(os.DevNull)) // what the user says to ssh of other hosts does not count
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("writing the lab's env file: %w", err)
	}
	return os.Rename(temporary, path)
}

// quote writes a value as a shell reads it back: in single quotes.
func quote(value string) string {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

func unquote(text string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(text, "'"), "'"), `'\''`, "'")
}
