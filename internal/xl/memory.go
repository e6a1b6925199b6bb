package xl

// MemoryNeededMiB is what creating the domain takes from the host's free_memory, as
// libxl_domain_need_memory counts it: the guest's memory, its shadow or p2m pages, a constant,
// rounded up to 2 MiB. HVM and PVH guests are taken to run with hardware assisted paging.
// QEMU's own memory is dom0's and not counted.
func MemoryNeededMiB(c Config) int64 {
	c = c.withDefaults()
	const pageKiB, superPageKiB = 4, 2048
	extraKiB := int64(2048)
	if c.Type == TypePV {
		extraKiB = 1024
	}
	// 256 pages for each processor, and one page for each MiB: the p2m of an HVM or PVH guest,
	// shadows for a PV guest.
	pagingKiB := pageKiB * (256*int64(c.MaxVCPUs) + c.MaxMemory)
	superPages := (c.Memory*1024 + pagingKiB + extraKiB + superPageKiB - 1) / superPageKiB
	return superPages * superPageKiB / 1024
}
