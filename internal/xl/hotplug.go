package xl

import "errors"

// Spec is the disk as `xl block-attach` takes it, the same text as in a deployment file.
func (d Disk) Spec() (string, error) {
	if d.Format == "" {
		d.Format = "raw"
	}
	_, err := DiskIndex(d.VDev)
	err = errors.Join(err, oneOf(d.Format, "raw", "qcow2"), noComma(path(d.Target), d.Target))
	if d.Target == "" {
		err = errors.Join(err, errors.New("a disk without a target cannot be attached"))
	}
	if err != nil {
		return "", field("disk "+d.VDev, err)
	}
	return d.spec(), nil
}

// Spec is the network card as a deployment file has it, and, split at its commas, as `xl network-attach` takes it.
func (n NIC) Spec() (string, error) {
	if err := (Config{Type: TypeHVM, NICs: []NIC{n}}).checkNICs(); err != nil {
		return "", err
	}
	return n.spec(), nil
}

// SchedulerCommand is the xl command that gives a running domain another weight and cap under a scheduler, as xl info names it; empty
// when there is none.
func SchedulerCommand(scheduler string) string {
	switch scheduler {
	case "credit", "credit2":
		return "sched-" + scheduler
	}
	return ""
}
