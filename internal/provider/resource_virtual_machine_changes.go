package provider

import (
	"fmt"
	"strings"
)

// behaviour is what a change of an attribute means for a virtual machine that exists.
type behaviour string

const (
	live     behaviour = "live"            // the guest has it as soon as the apply is done
	nextBoot behaviour = "at next boot"    // pending_restart names it until then
	remade   behaviour = "disk re-created" // what is on the disk is lost, and the plan warns of that
	replaced behaviour = "replace"         // "must be replaced" in the plan
	refuse   behaviour = "refused at plan"
	recorded behaviour = "in the record" // nothing about the guest changes
)

// attributeChange is a row of the table in the documentation.
type attributeChange struct {
	attribute string // with * for the keys of devices
	change    behaviour
	detail    string
}

// virtualMachineChanges says of every argument of a virtual machine what a change of it does. The documentation is made from it, and a
// test proves each row.
var virtualMachineChanges = []attributeChange{
	{"host", replaced, ""},
	{"name", live, ""},
	{"labels", recorded, ""},
	{"template_id", recorded, "what the new template changes in the virtual machine is applied like changes of its own"},
	{"follow_template", recorded, "with `true`, changes of the template are applied like changes of its own"},
	{"power_state", live, ""},
	{"shutdown_timeout", recorded, ""},
	{"force_stop", recorded, ""},
	{"restart_trigger", live, "another text reboots the guest"},
	{"autostart", recorded, "and a link on the host comes or goes"},
	{"wait_for.*", recorded, "the next start is waited for so"},
	{"restart_policy", recorded, "with `on_change`, what waits for the next boot is applied by a reboot"},
	{"timeouts.*", recorded, ""},

	{"type", nextBoot, "and all other changes of the same apply with it"},
	{"cpu", live, "where the scheduler is `credit` or `credit2`, else at next boot"},
	{"cpu_cap", live, "where the scheduler is `credit` or `credit2`, else at next boot"},
	{"vcpu", live, "up to `vcpu_max`; above, at next boot"},
	{"vcpu_max", nextBoot, ""},
	{"memory", live, "up to `memory_max`; above, at next boot"},
	{"memory_max", nextBoot, ""},
	{"os.*", nextBoot, ""},
	{"graphics.*", nextBoot, "a changed `password_wo`, too"},
	{"on_poweroff", nextBoot, ""},
	{"on_reboot", nextBoot, ""},
	{"on_crash", nextBoot, ""},

	{"disks", live, "a disk is attached or detached; what is detached is destroyed, unless it is a persistent image or a CD-ROM. The first disk " +
		"(`xvda`, `hda` or `sda`): replace. The CD-ROM drive of an `hvm` guest comes and goes at next boot"},
	{"disks.*.image_id", remade, "of the first disk: replace. A CD-ROM is changed live; a persistent image loses nothing"},
	{"disks.*.volatile", remade, "of the first disk: replace"},
	{"disks.*.fstype", remade, "of the first disk: replace"},
	{"disks.*.path", live, "the disk is detached and another one attached; of the first disk: replace. What is on it stays"},
	{"disks.*.format", live, "likewise"},
	{"disks.*.cdrom", nextBoot, "of the first disk: replace"},
	{"disks.*.size", live, "the disk grows; a `qcow2` disk and an overlay at next boot. A smaller size is refused at plan"},
	{"disks.*.read_only", live, "the disk is detached and attached"},
	{"disks.*.clone", refuse, "where the disk as it was made is not what `clone` allows, else in the record"},

	{"nics", live, "a card is plugged in or unplugged"},
	{"nics.*.bridge", live, "the card is unplugged and plugged in"},
	{"nics.*.mac", live, "the card is unplugged and plugged in"},
	{"nics.*.mtu", live, "the card is unplugged and plugged in"},
	{"nics.*.model", live, "the card is unplugged and plugged in; the guest sees the emulated one at next boot"},
	{"nics.*.ip", live, "when the MAC address follows from it, the card is unplugged and plugged in; the guest learns of the address from its context"},
	{"nics.*.vlan", live, "the card is unplugged and plugged in"},
	{"nics.*.rate", live, "the card is unplugged and plugged in"},
	{"nics.*.script", live, "the card is unplugged and plugged in"},
	{"nics.*.netmask", live, "by the context"},
	{"nics.*.gateway", live, "by the context"},
	{"nics.*.dns", live, "by the context"},
	{"nics.*.search_domain", live, "by the context"},
	{"nics.*.method", live, "by the context"},
	{"nics.*.ip6", live, "by the context"},
	{"nics.*.ip6_prefix_length", live, "by the context"},
	{"nics.*.ip6_gateway", live, "by the context"},
	{"nics.*.ip6_method", live, "by the context"},
	{"nics.*.metric", live, "by the context"},
	{"nics.*.routes", live, "by the context"},
	{"context_id", live, "of an `hvm` guest: a new ISO is inserted. Others see it at next boot. The first context, and none any more: at next boot"},
	{"context", live, "of an `hvm` guest: a new ISO is inserted. Others see it at next boot. The first context, and none any more: at next boot"},
}

// changeOf is the row of an attribute, which may be deeper than the row: os.cmdline has the row os.*.
func changeOf(attribute string) (attributeChange, bool) {
	words := strings.Split(attribute, ".")
	for _, row := range virtualMachineChanges {
		if matchesRow(strings.Split(row.attribute, "."), words) {
			return row, true
		}
	}
	return attributeChange{}, false
}

func matchesRow(row, words []string) bool {
	if len(row) != len(words) {
		return false
	}
	for i := range row {
		if row[i] != "*" && row[i] != words[i] {
			return false
		}
	}
	return true
}

// changeText is what the description of an argument says of its change.
func changeText(attribute string) string {
	row, there := changeOf(attribute)
	if !there {
		return ""
	}
	text := " Changed: " + string(row.change)
	if row.detail != "" {
		text += "; " + row.detail
	}
	return text + "."
}

// changesTable is the table of the documentation.
func changesTable() string {
	var text strings.Builder
	text.WriteString("| argument | a change is | |\n|---|---|---|\n")
	for _, row := range virtualMachineChanges {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", row.attribute, row.change, row.detail)
	}
	return text.String()
}
