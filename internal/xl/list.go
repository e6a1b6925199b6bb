package xl

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Domain is a line of `xl list`.
type Domain struct {
	Name      string // "(null)" of a domain that is being destroyed
	ID        int    // changes when the guest reboots
	MemoryMiB int64
	VCPUs     int
	State     string  // six letters, each may be "-": r b p s c d; the fifth says why it shut down
	Seconds   float64 // processor time used
}

// Paused says that the domain waits for `xl unpause`, as between creation and start.
func (d Domain) Paused() bool { return d.flag(2, 'p') }

// Shutdown says that the guest has ended and nobody has cleaned up after it yet.
func (d Domain) Shutdown() bool { return d.flag(3, 's') }

// Crashed says that the guest ended by a crash.
func (d Domain) Crashed() bool { return d.flag(4, 'c') }

// Dying says that the domain is being destroyed.
func (d Domain) Dying() bool { return d.flag(5, 'd') }

func (d Domain) flag(at int, letter byte) bool { return len(d.State) > at && d.State[at] == letter }

// ParseList reads `xl list`. Lines are read from the right, because a name may hold spaces. A
// line that is none is an error: a domain that is not understood must never look absent.
func ParseList(output []byte) ([]Domain, error) {
	rows, err := tableRows(output, "xl list", "Name", "ID", "Mem", "VCPUs", "State", "Time(s)")
	if err != nil {
		return nil, err
	}
	domains := make([]Domain, 0, len(rows))
	for _, row := range rows {
		d, err := parseDomain(row)
		if err != nil {
			return nil, fmt.Errorf("xl list: line %q: %w", row, err)
		}
		domains = append(domains, d)
	}
	return domains, nil
}

func parseDomain(row string) (d Domain, err error) {
	words := strings.Fields(row)
	if len(words) < 6 {
		return d, fmt.Errorf("fewer than 6 columns")
	}
	columns := words[len(words)-5:]
	name := row
	for _, column := range slices.Backward(columns) {
		name = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(name, " \t"), column), " \t")
	}
	d.Name, d.State = name, columns[3]
	if len(d.State) != 6 {
		return d, fmt.Errorf("state %q has not six letters", d.State)
	}
	if d.ID, err = strconv.Atoi(columns[0]); err != nil {
		return d, err
	}
	if d.MemoryMiB, err = strconv.ParseInt(columns[1], 10, 64); err != nil {
		return d, err
	}
	if d.VCPUs, err = strconv.Atoi(columns[2]); err != nil {
		return d, err
	}
	d.Seconds, err = strconv.ParseFloat(columns[4], 64)
	return d, err
}

// VMListEntry is a line of `xl vm-list`, which shows domains that are being destroyed, too.
type VMListEntry struct {
	UUID string // lower case
	ID   int
	Name string // empty of a domain that is being destroyed
}

// ParseVMList reads `xl vm-list`; a line that is none is an error.
func ParseVMList(output []byte) ([]VMListEntry, error) {
	rows, err := tableRows(output, "xl vm-list", "UUID", "ID", "name")
	if err != nil {
		return nil, err
	}
	entries := make([]VMListEntry, 0, len(rows))
	for _, row := range rows {
		uuid, rest, _ := strings.Cut(strings.TrimSpace(row), " ")
		number, name, _ := strings.Cut(strings.TrimSpace(rest), " ")
		id, err := strconv.Atoi(number)
		uuid = strings.ToLower(uuid)
		if err != nil || !uuidForm.MatchString(uuid) {
			return nil, fmt.Errorf("xl vm-list: line %q is not a UUID, an id and a name", row)
		}
		entries = append(entries, VMListEntry{UUID: uuid, ID: id, Name: strings.TrimSpace(name)})
	}
	return entries, nil
}

// tableRows checks the header and gives the lines below it.
func tableRows(output []byte, command string, columns ...string) ([]string, error) {
	header, body, _ := bytes.Cut(output, []byte("\n"))
	if !slices.Equal(strings.Fields(string(header)), columns) {
		return nil, fmt.Errorf("%s: the first line is %q, not the header %s", command, header, strings.Join(columns, " "))
	}
	var rows []string
	for row := range strings.SplitSeq(string(body), "\n") {
		if strings.TrimSpace(row) != "" {
			rows = append(rows, row)
		}
	}
	return rows, nil
}
