package engine

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/onexen/terraform-provider-xen/internal/contextiso"
	"github.com/onexen/terraform-provider-xen/internal/model"
	"github.com/onexen/terraform-provider-xen/internal/transfer"
	"github.com/onexen/terraform-provider-xen/internal/xl"
)

// CheckBody says what is wrong with a virtual machine or a template before anything is asked of a host: the model's rules, and
// Xen's for the slots of disks. A complete body has no template laid under it.
func CheckBody(body model.VirtualMachineBody, complete bool) *model.FieldError {
	if err := body.Check(); err != nil {
		return err
	}
	if err := checkSlots(body); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(body.NICs)) {
		if err := xl.CheckRate(body.NICs[name].Rate); err != nil {
			return &model.FieldError{Field: "nics." + name + ".rate", Err: err}
		}
	}
	if err := checkKeys("context", body.Context); err != nil {
		return err
	}
	if !complete {
		return nil
	}
	return withDefaults(body).CheckComplete()
}

// checkSlots refuses two names of one disk index: xvda and hda are the same disk.
func checkSlots(body model.VirtualMachineBody) *model.FieldError {
	taken := map[int]string{}
	for _, slot := range slices.Sorted(maps.Keys(body.Disks)) {
		index, err := xl.DiskIndex(slot)
		if err != nil {
			return &model.FieldError{Field: "disks." + slot, Err: err}
		}
		if other, twice := taken[index]; twice {
			return &model.FieldError{Field: "disks." + slot, Err: fmt.Errorf("%s and %s are both disk %d of the guest: give one of them another letter", other, slot, index)}
		}
		taken[index] = slot
		if body.Type == model.TypeHVM && body.Disks[slot].ReadOnly {
			if err := xl.CheckDisks(xl.TypeHVM, []xl.Disk{{VDev: slot, ReadOnly: true}}); err != nil {
				return &model.FieldError{Field: "disks." + slot + ".read_only", Err: err}
			}
		}
	}
	return nil
}

// CheckContext says what is wrong with a context before anything is asked of a host: the model's rules, and those of the guest's shell and
// of cloud-init.
func CheckContext(spec model.ContextSpec) *model.FieldError {
	if err := spec.Check(); err != nil {
		return err
	}
	if spec.Format == model.ContextNoCloud {
		if err := contextiso.CheckUserData(spec.UserData); err != nil {
			return &model.FieldError{Field: "user_data", Err: err}
		}
	}
	return cmp.Or(checkKeys("variables", spec.Variables), checkKeys("variables_wo", spec.Secrets))
}

// checkKeys refuses variables that the guest's shell keeps for itself.
func checkKeys(attribute string, variables map[string]string) *model.FieldError {
	for _, key := range slices.Sorted(maps.Keys(variables)) {
		if err := contextiso.CheckKey(key); err != nil {
			return &model.FieldError{Field: attribute + "." + key, Err: err}
		}
	}
	return nil
}

// CheckChecksum refuses what is neither the URL of a list of checksums nor "<algorithm>:<hex>" of md5, sha1, sha256 or sha512 with the
// length of that algorithm.
func CheckChecksum(text string) error {
	if model.IsURL(text) {
		return transfer.CheckURL(text)
	}
	_, err := transfer.ParseChecksum(text)
	return err
}

// defaultListen is where the screen of a guest is reached when nothing is said.
const defaultListen = "127.0.0.1"

// withDefaults fills in what neither the virtual machine nor its template says.
func withDefaults(body model.VirtualMachineBody) model.VirtualMachineBody {
	if body.Type == "" {
		body.Type = model.TypePV
		if body.OS == nil || (!body.OS.HasKernel() && body.OS.Bootloader == "") {
			body.Type = model.TypeHVM
		}
	}
	if body.VCPU == nil {
		one := int64(1)
		body.VCPU = &one
	}
	if body.VCPUMax == nil {
		body.VCPUMax = body.VCPU
	}
	if body.MemoryMax == nil {
		body.MemoryMax = body.Memory
	}
	if body.Graphics != nil {
		graphics := *body.Graphics
		if graphics.Listen == "" {
			graphics.Listen = defaultListen
		}
		graphics.Type = "vnc"
		body.Graphics = &graphics
	}
	body.NICs = maps.Clone(body.NICs)
	for name, nic := range body.NICs {
		if nic.MAC == "" && nic.IP != "" {
			nic.MAC, _ = MACFromIP(nic.IP) // an address that is none has been refused
		}
		body.NICs[name] = nic
	}
	return body
}

// MACFromIP is OpenNebula's rule: 02:00 and the four octets of the IPv4 address. Guests that know the rule find their address
// without any context.
func MACFromIP(ip string) (string, error) {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return "", fmt.Errorf("%q is not an IPv4 address", ip)
	}
	return contextiso.MACFromIP(address)
}

// LinkLocalFromMAC is the IPv6 address that the kernel of a guest gives an interface with the MAC address.
func LinkLocalFromMAC(mac string) (string, error) {
	address, err := contextiso.LinkLocalFromMAC(mac)
	if err != nil {
		return "", err
	}
	return address.String(), nil
}

// IPFromMAC reads the IPv4 address from a MAC address that was made by MACFromIP.
func IPFromMAC(mac string) (string, error) {
	address, err := contextiso.IPFromMAC(mac)
	if err != nil {
		return "", err
	}
	return address.String(), nil
}
