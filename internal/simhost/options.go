package simhost

import "time"

// Option sets how a simulated host differs from the default: 64 GiB, 8 processors, bridge br0, every capability,
// guests that obey a shutdown at once.
type Option func(*settings)

// settings is what the server and the tools must agree upon; the tools read it from the host's directory.
type settings struct {
	User, Password string
	Passphrase     string `json:"-"`
	HostKeyType    string
	Interactive    bool
	PublicKeyOff   bool
	Port           int
	MaxSessions    int

	MemoryMiB, Dom0MiB int64
	CPUs               int
	NoForwarding       bool
	Bridges            []string
	Capabilities       string
	Version            string
	NoTools            []string
	Reflink            bool

	ShutdownDelay   time.Duration
	IgnoresShutdown bool
	NoPVDrivers     bool
	RebootGap       time.Duration
	CreateTakes     time.Duration
	DestroyTakes    time.Duration
}

func defaults() settings {
	return settings{
		User: "root", HostKeyType: "ed25519", MaxSessions: 10,
		MemoryMiB: 64 << 10, Dom0MiB: 1536, CPUs: 8, Bridges: []string{"br0"},
		Capabilities: "pv hvm hap shadow gnttab-v1 gnttab-v2", Version: "4.17.7",
		ShutdownDelay: 50 * time.Millisecond, RebootGap: 300 * time.Millisecond,
	}
}

// User names the account that may log in; "root" without it.
func User(name string) Option { return func(s *settings) { s.User = name } }

// Password lets the user log in by this password, too.
func Password(secret string) Option { return func(s *settings) { s.Password = secret } }

// KeyboardInteractive lets the user log in by answering one question with this password; plain passwords are refused,
// as many servers do.
func KeyboardInteractive(secret string) Option {
	return func(s *settings) { s.Password, s.Interactive = secret, true }
}

// NoPublicKey refuses every key.
func NoPublicKey() Option { return func(s *settings) { s.PublicKeyOff = true } }

// EncryptedKey encrypts the file PrivateKeyFile with this passphrase.
func EncryptedKey(passphrase string) Option { return func(s *settings) { s.Passphrase = passphrase } }

// HostKeyType is ed25519 (default), ecdsa or rsa.
func HostKeyType(name string) Option { return func(s *settings) { s.HostKeyType = name } }

// Port is the loopback port to listen on; any free one without it.
func Port(number int) Option { return func(s *settings) { s.Port = number } }

// NoForwarding refuses TCP connections through the host, as AllowTcpForwarding no of sshd_config(5) does.
func NoForwarding() Option { return func(s *settings) { s.NoForwarding = true } }

// MaxSessions is how many sessions one connection may hold, as in sshd_config(5); 10 without it.
func MaxSessions(n int) Option { return func(s *settings) { s.MaxSessions = n } }

// Memory is the machine's memory in MiB and dom0's share of it.
func Memory(totalMiB, dom0MiB int64) Option {
	return func(s *settings) { s.MemoryMiB, s.Dom0MiB = totalMiB, dom0MiB }
}

// CPUs is the number of processors.
func CPUs(n int) Option { return func(s *settings) { s.CPUs = n } }

// Bridges are the bridges that exist in dom0.
func Bridges(names ...string) Option { return func(s *settings) { s.Bridges = names } }

// Capabilities is the virt_caps line of xl info: "pv hvm hap shadow" and the like.
func Capabilities(words string) Option { return func(s *settings) { s.Capabilities = words } }

// Version is Xen's version, "4.17.7".
func Version(v string) Option { return func(s *settings) { s.Version = v } }

// NoTool hides a command of /usr/bin or one of the simulated ones from everything that runs on the host.
func NoTool(name string) Option { return func(s *settings) { s.NoTools = append(s.NoTools, name) } }

// Reflink lets files of the host share blocks, as on XFS and Btrfs; without it they do not, as on ext4.
func Reflink() Option { return func(s *settings) { s.Reflink = true } }

// ShutdownDelay is how long a guest takes to obey xl shutdown.
func ShutdownDelay(d time.Duration) Option { return func(s *settings) { s.ShutdownDelay = d } }

// GuestIgnoresShutdown makes guests that never obey xl shutdown.
func GuestIgnoresShutdown() Option { return func(s *settings) { s.IgnoresShutdown = true } }

// NoPVDrivers makes HVM guests without Xen's drivers: they obey xl shutdown only with -F.
func NoPVDrivers() Option { return func(s *settings) { s.NoPVDrivers = true } }

// RebootGap is how long a domain's name is absent while its guest reboots. For a quarter of it before the domain stands there shut
// down, and for a quarter of it after it is there with its new domid, paused and without memory.
func RebootGap(d time.Duration) Option { return func(s *settings) { s.RebootGap = d } }

// CreateTakes is how long xl create works on a domain that stands there paused; an xl that is killed meanwhile leaves
// it so, as the real one does.
func CreateTakes(d time.Duration) Option { return func(s *settings) { s.CreateTakes = d } }

// DestroyTakes is how long xl destroy takes.
func DestroyTakes(d time.Duration) Option { return func(s *settings) { s.DestroyTakes = d } }

// Set changes options of a host that runs already, as far as the tools read them: memory, bridges, capabilities, how
// guests behave, how long xl takes.
func (h *Host) Set(opts ...Option) {
	h.mustChange(func(w *world) error {
		for _, set := range opts {
			set(&w.settings)
		}
		return writeJSON(w.path("settings.json"), w.settings)
	})
}
