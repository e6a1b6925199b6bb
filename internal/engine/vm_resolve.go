package engine

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/datastore"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// resolved is what a virtual machine is to be, with everything it refers to looked up.
type resolved struct {
	body    model.VirtualMachineBody
	images  map[int]model.Image
	methods map[string][]model.CloneMethod // by slot: the ways in which the disk may be made, the best first
	context *model.Context
	kernel  string // path on the host
	ramdisk string
	name    string // of the virtual machine, which its guest may be told
	uuid    string

	template *model.VirtualMachineBody // that is laid under the virtual machine
}

// resolve lays the virtual machine over its template, adds the defaults, and looks at the host whether all it refers to is there.
func (v *view) resolve(spec model.VirtualMachineSpec) (resolved, error) {
	body, laid := spec.Body, (*model.VirtualMachineBody)(nil)
	if spec.TemplateID != nil {
		template, err := v.template(*spec.TemplateID)
		if err != nil {
			return resolved{}, v.missing("template_id", model.KindTemplate, *spec.TemplateID, err)
		}
		body, laid = body.Over(template.Body), &template.Body
	}
	r := resolved{body: withDefaults(body), images: map[int]model.Image{}, template: laid}
	if err := CheckBody(r.body, true); err != nil {
		return r, err
	}
	if err := v.resolveImages(&r); err != nil {
		return r, err
	}
	if err := r.chooseMethods(spec.Foreseen); err != nil {
		return r, err
	}
	if id := r.body.ContextID; id != nil {
		record, err := v.context(*id)
		if err != nil {
			return r, v.missing("context_id", model.KindContext, *id, err)
		}
		r.context = &record
	}
	return r, cmp.Or(v.checkBridges(r.body), v.checkMACs(r.body, ""))
}

func (v *view) resolveImages(r *resolved) (err error) {
	for _, slot := range slices.Sorted(maps.Keys(r.body.Disks)) {
		disk, field := r.body.Disks[slot], "disks."+slot+".image_id"
		if strings.HasPrefix(disk.Path, v.store.Root()+"/") {
			return &model.FieldError{Field: "disks." + slot + ".path", Err: fmt.Errorf("%s lies in the datastore: use the image_id of an image", disk.Path)}
		}
		if disk.ImageID == nil {
			continue
		}
		image, err := v.readyImage(field, *disk.ImageID, model.ImageType.IsDisk)
		if err != nil {
			return err
		}
		if disk.Size != 0 && disk.Size < image.Size {
			return &model.FieldError{Field: "disks." + slot + ".size", Err: fmt.Errorf("image %q has %d MiB, and a disk made from it cannot shrink to %d MiB", image.Name, image.Size, disk.Size)}
		}
		if disk.Size > image.Size && image.Persistent {
			return &model.FieldError{Field: "disks." + slot + ".size", Err: fmt.Errorf("image %q is persistent and used in place with its own %d MiB", image.Name, image.Size)}
		}
		if _, twice := r.images[image.ID]; twice && image.Persistent {
			return &model.FieldError{Field: field, Err: fmt.Errorf("image %q is persistent and cannot be two disks at once", image.Name)}
		}
		r.images[image.ID] = image
	}
	os := r.body.OS
	if os == nil {
		return nil
	}
	if r.kernel, err = v.bootFile("os.kernel_id", os.KernelID, os.Kernel, model.ImageKernel); err != nil {
		return err
	}
	r.ramdisk, err = v.bootFile("os.ramdisk_id", os.RamdiskID, os.Ramdisk, model.ImageRamdisk)
	return err
}

// bootFile is the file of an image, or without one the given file.
func (v *view) bootFile(field string, id *int, file string, want model.ImageType) (string, error) {
	if id == nil {
		return file, nil
	}
	image, err := v.readyImage(field, *id, func(t model.ImageType) bool { return t == want })
	return v.imageFile(image), err
}

func (v *view) readyImage(field string, id int, fits func(model.ImageType) bool) (model.Image, error) {
	image, err := v.image(id)
	if err != nil {
		return image, v.missing(field, model.KindImage, id, err)
	}
	refuse := func(format string, args ...any) (model.Image, error) {
		return image, &model.FieldError{Field: field, Err: fmt.Errorf(format, args...)}
	}
	switch {
	case !fits(image.Type):
		return refuse("image %q has the type %s, which does not fit here", image.Name, image.Type)
	case image.State == model.ImageUsedPers:
		return refuse("image %q is persistent and in use by virtual machine %w: only one may write to it", image.Name, usersError(image.UsedBy))
	case image.State == model.ImageDisabled:
		return refuse("image %q is disabled: enable it first (enabled = true), or use another one", image.Name)
	case image.State != model.ImageReady && image.State != model.ImageUsed:
		return refuse("image %q is in the state %s. %s", image.Name, image.State, image.Failure)
	}
	return image, nil
}

// usersError are the names of the virtual machines that have what another one asks for.
type usersError []string

func (e usersError) Error() string { return strings.Join(e, ", ") }

func (v *view) missing(field string, kind model.Kind, id int, err error) error {
	if errors.Is(err, ErrAbsent) {
		err = fmt.Errorf("there is no %s %d on host %s", kind.Noun(), id, v.host)
	}
	return &model.FieldError{Field: field, Err: err}
}

// checkBridges needs the host's word on its bridges; a host without ip(8) is left to xl.
func (v *view) checkBridges(body model.VirtualMachineBody) error {
	for _, name := range slices.Sorted(maps.Keys(body.NICs)) {
		bridge := body.NICs[name].Bridge
		if body.NICs[name].Script != "" {
			continue // ip(8) does not tell of the bridges of Open vSwitch
		}
		if len(v.bridges) > 0 && !slices.Contains(v.bridges, bridge) {
			return &model.FieldError{Field: "nics." + name + ".bridge", Err: fmt.Errorf("host %s has no bridge %q: it has %s", v.host, bridge, strings.Join(v.bridges, ", "))}
		}
	}
	return nil
}

// checkMACs refuses addresses that domains without a record here have. Those with a record claim theirs.
func (v *view) checkMACs(body model.VirtualMachineBody, own string) error {
	for _, domain := range v.long {
		for _, card := range domain.NICs {
			name := nameOfMAC(body.NICs, card.MAC)
			if name != "" && card.MAC != "" && domain.UUID != own && !v.claims["mac "+strings.ToLower(card.MAC)] {
				return &model.FieldError{Field: "nics." + name + ".mac", Err: fmt.Errorf("domain %q on host %s, which has no record here, has the MAC address %s: two network cards of one host need different ones", domain.Name, v.host, card.MAC)}
			}
		}
	}
	return nil
}

// checkMemory refuses what xl would refuse after half a minute. Where dom0 may shrink, xl makes room itself.
func (v *view) checkMemory(config xl.Config) error {
	needed := xl.MemoryNeededMiB(config)
	if needed <= v.info.FreeMemoryMiB || !strings.Contains(v.info.XenCommandLine, "dom0_mem") {
		return nil
	}
	return &model.FieldError{Field: "memory", Err: fmt.Errorf("host %s has %d MiB of memory free, but this virtual machine takes %d MiB (%d MiB and what Xen needs to run it)", v.host, v.info.FreeMemoryMiB, needed, config.MaxMemory)}
}

// attach decides for each disk which file it is and which slot it gets, the context's last.
func (r resolved) attach(v *view, dir string) ([]model.AttachedDisk, error) {
	var disks []model.AttachedDisk
	for number, slot := range slices.SortedFunc(maps.Keys(r.body.Disks), bySlot) {
		disks = append(disks, r.attachOne(v, dir, number, slot))
	}
	if r.context != nil || len(r.body.Context) > 0 {
		slot, err := contextSlot(r.body.Type, disks)
		if err != nil {
			return nil, err
		}
		disks = append(disks, model.AttachedDisk{
			Slot: slot, File: path.Join(dir, "disk."+strconv.Itoa(len(disks))), Own: true, Format: model.FormatRaw,
			ReadOnly: true, CDROM: r.body.Type == model.TypeHVM, Context: true,
		})
	}
	return disks, r.checkDisks(disks)
}

// attachOne uses persistent images, CD-ROMs and disks of the host in place; all else is made for the virtual machine.
func (r resolved) attachOne(v *view, dir string, number int, slot string) model.AttachedDisk {
	disk := r.body.Disks[slot]
	attached := model.AttachedDisk{
		Slot: slot, File: path.Join(dir, "disk."+strconv.Itoa(number)), Own: true, ImageID: disk.ImageID,
		Format: model.FormatRaw, ReadOnly: disk.ReadOnly, Size: disk.Size,
	}
	switch {
	case disk.OfHost():
		return hostDisk(slot, disk, r.body.Type)
	case disk.ImageID == nil:
		attached.Method = model.MethodMade
		return attached
	}
	image := r.images[*disk.ImageID]
	attached.Format, attached.Size = image.Format, max(disk.Size, image.Size)
	if image.Type == model.ImageCDROM {
		attached.ReadOnly, attached.CDROM = true, r.body.Type == model.TypeHVM
	}
	if image.InPlace() {
		attached.File, attached.Own, attached.Method = v.imageFile(image), false, model.MethodInPlace
	}
	return attached
}

// hostDisk is a file or device of the host as a disk, which is nobody's to make or remove.
func hostDisk(slot string, disk model.Disk, typ model.DomainType) model.AttachedDisk {
	return model.AttachedDisk{
		Slot: slot, File: disk.Path, Method: model.MethodInPlace, Format: cmp.Or(disk.Format, model.FormatRaw),
		ReadOnly: disk.ReadOnly || disk.CDROM, CDROM: disk.CDROM && typ == model.TypeHVM,
	}
}

// contextSlot leaves the usual letters to the user's disks: an HVM guest has its context as CD-ROM, which must be among the first
// four disks; other guests have it as a disk far behind.
func contextSlot(typ model.DomainType, disks []model.AttachedDisk) (string, error) {
	taken := map[int]bool{}
	for _, disk := range disks {
		index, err := xl.DiskIndex(disk.Slot)
		if err != nil {
			return "", err
		}
		taken[index] = true
	}
	candidates := []string{"xvdz", "xvdy", "xvdx", "xvdw"}
	if typ == model.TypeHVM {
		candidates = []string{"hdc", "hdd", "hdb", "hda"}
	}
	for _, slot := range candidates {
		if index, err := xl.DiskIndex(slot); err == nil && !taken[index] {
			return slot, nil
		}
	}
	return "", &model.FieldError{Field: "disks", Err: fmt.Errorf("the context needs one of the slots %s, but all are taken: move a disk to another slot", strings.Join(candidates, ", "))}
}

func (r resolved) checkDisks(disks []model.AttachedDisk) error {
	var all []xl.Disk
	for _, disk := range disks {
		all = append(all, xl.Disk{VDev: disk.Slot, Target: disk.File, Format: disk.Format, ReadOnly: disk.ReadOnly, CDROM: disk.CDROM})
	}
	if err := xl.CheckDisks(string(r.body.Type), all); err != nil {
		return &model.FieldError{Field: "disks", Err: err}
	}
	return nil
}

// bySlot orders disks as a guest sees them.
func bySlot(a, b string) int {
	i, _ := xl.DiskIndex(a)
	j, _ := xl.DiskIndex(b)
	return i - j
}

// claims are what no other virtual machine of the datastore may have.
func claimsOf(vm model.VirtualMachine, images map[int]model.Image) []string {
	claims := []string{claimName(vm.Name)}
	if vm.VNCPort != 0 {
		claims = append(claims, "vnc "+strconv.FormatInt(vm.VNCPort, 10))
	}
	for _, name := range slices.Sorted(maps.Keys(vm.Effective.NICs)) {
		nic := vm.Effective.NICs[name]
		claims = append(claims, "mac "+strings.ToLower(nic.MAC))
		for _, ip := range nic.IPs() {
			claims = append(claims, "ip "+ip)
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(vm.Effective.Disks)) {
		if disk := vm.Effective.Disks[slot]; disk.Path != "" && !disk.ReadOnly && !disk.CDROM {
			claims = append(claims, "disk "+disk.Path)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(images)) {
		if images[id].Persistent {
			claims = append(claims, "image "+strconv.Itoa(id))
		}
	}
	return claims
}

// needsOf are the records that must still be as they were seen when the virtual machine's own record is written.
func needsOf(body model.VirtualMachineBody, images map[int]model.Image) []datastore.Need {
	var needs []datastore.Need
	for _, id := range slices.Sorted(maps.Keys(images)) {
		needs = append(needs,
			datastore.Need{Use: useOf(model.KindImage, id), Line: `  "state": "READY",`},
			datastore.Need{Use: useOf(model.KindImage, id), Line: fmt.Sprintf(`  "persistent": %t,`, images[id].Persistent)})
	}
	if os := body.OS; os != nil {
		for _, id := range []*int{os.KernelID, os.RamdiskID} {
			if id != nil {
				needs = append(needs, datastore.Need{Use: useOf(model.KindImage, *id), Line: `  "state": "READY",`})
			}
		}
	}
	if body.ContextID != nil {
		needs = append(needs, datastore.Need{Use: useOf(model.KindContext, *body.ContextID), Line: `  "ready": true,`})
	}
	return needs
}

// usesOfNeeds are the records that must stay while the virtual machine has them. A context is no such: the guest has its ISO.
func usesOfNeeds(needs []datastore.Need) []string {
	var uses []string
	for _, need := range needs {
		if !slices.Contains(uses, need.Use) && !strings.HasPrefix(need.Use, string(model.KindContext)+"/") {
			uses = append(uses, need.Use)
		}
	}
	return uses
}

// randomMAC is for a network card without an IPv4 address, from Xen's own range of addresses (00:16:3e, xl-network-configuration(5)).
func randomMAC() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("00:16:3e:%02x:%02x:%02x", b[0]&0x7f, b[1], b[2])
}
