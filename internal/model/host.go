package model

// Host is what a Xen host is and has, as it says itself.
type Host struct {
	Name           string // the key in the provider configuration
	Hostname       string
	XenVersion     string // 4.17.7
	Kernel         string
	Scheduler      string   // credit2
	Capabilities   []string // virt_caps: pv, hvm, hap
	CPUs           int64
	TotalMemory    int64    // MiB
	FreeMemory     int64    // MiB, what new domains can get
	Datastore      string   // path
	DatastoreFree  int64    // MiB
	DatastoreTotal int64    // MiB
	Reflink        bool     // a disk can share the blocks of its image; false while there is no datastore
	Bridges        []string // sorted
	Tools          []string // of those the engine knows how to use: flock, losetup, qemu-img, zstd, sorted
}
