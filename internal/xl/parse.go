package xl

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// ParseConfig reads a deployment file: what Encode writes, what an administrator wrote, and
// what OpenNebula's Xen driver wrote (builder=, file: and tap: disks, vdev:cdrom, root= and
// extra=, and the CPU weight in its comment). Values that the file leaves out become xl's
// defaults. As in xl a later line wins over an earlier one, += appends, and unknown keys are
// ignored.
func ParseConfig(text []byte) (Config, error) {
	v := values{texts: map[string]string{}, lists: map[string][]string{}}
	tokens, err := lex(string(text), v.readComment)
	if err != nil {
		return Config{}, fmt.Errorf("deployment file: %w", err)
	}
	if err := v.read(tokens); err != nil {
		return Config{}, fmt.Errorf("deployment file: %w", err)
	}
	c, err := v.config()
	if err != nil {
		return Config{}, fmt.Errorf("deployment file: %w", err)
	}
	c = c.withDefaults()
	if err := c.checkWords(); err != nil {
		return Config{}, fmt.Errorf("deployment file: %w", err)
	}
	return c, nil
}

// values are the assignments of a deployment file.
type values struct {
	texts map[string]string
	lists map[string][]string
}

// cpuCredits is the comment in which OpenNebula's driver hid the weight from xm.
var cpuCredits = regexp.MustCompile(`^#O CPU_CREDITS = ([0-9]+)\s*$`)

func (v values) readComment(comment string) {
	if m := cpuCredits.FindStringSubmatch(comment); m != nil {
		v.texts["#cpu_weight"] = m[1]
	}
}

// read follows xl's grammar (libxlu_cfg_y.y): lines of `name = value` or `name += value`.
func (v values) read(tokens []token) error {
	for len(tokens) > 0 {
		t := tokens[0]
		if t.kind == tokenNewline || t.kind == tokenEnd {
			tokens = tokens[1:]
			continue
		}
		if t.kind != tokenName || tokens[1].text != "=" && tokens[1].text != "+=" {
			return fmt.Errorf("line %d: expected a line like: name = value", t.line)
		}
		rest, err := v.assign(t.text, tokens[1].text == "+=", tokens[2:])
		if err != nil {
			return err
		}
		if end := rest[0].kind; end != tokenNewline && end != tokenEnd {
			return fmt.Errorf("line %d: more follows the value of %s", rest[0].line, t.text)
		}
		tokens = rest
	}
	return nil
}

func (v values) assign(name string, add bool, tokens []token) (rest []token, err error) {
	t := tokens[0]
	switch {
	case t.kind == tokenString || t.kind == tokenNumber:
		if add {
			t.text = v.texts[name] + t.text
		}
		delete(v.lists, name)
		v.texts[name] = t.text
		return tokens[1:], nil
	case t.kind == tokenMark && t.text == "[":
		items, rest, err := readList(tokens[1:])
		if add {
			items = append(v.lists[name], items...)
		}
		delete(v.texts, name)
		v.lists[name] = items
		return rest, err
	}
	return nil, fmt.Errorf("line %d: the value of %s is neither a number, nor a quoted string, nor a list", t.line, name)
}

// readList reads up to the closing bracket. A comma may follow the last item, and a newline may
// stand wherever a space may.
func readList(tokens []token) (items []string, rest []token, err error) {
	wantComma := false
	for ; ; tokens = tokens[1:] {
		switch t := tokens[0]; {
		case t.kind == tokenNewline && t.text == "\n":
		case t.kind == tokenMark && t.text == "]":
			return items, tokens[1:], nil
		case wantComma && t.kind == tokenMark && t.text == ",":
			wantComma = false
		case !wantComma && (t.kind == tokenString || t.kind == tokenNumber):
			items, wantComma = append(items, t.text), true
		default:
			return nil, tokens, fmt.Errorf("line %d: a list holds quoted strings and commas only and ends with ]", t.line)
		}
	}
}

// config gives the values their meaning, as xl's parse_config_data does.
func (v values) config() (c Config, err error) {
	c = Config{
		Name: v.texts["name"], UUID: v.texts["uuid"], Type: v.guestType(),
		Kernel: v.texts["kernel"], Ramdisk: v.texts["ramdisk"], Cmdline: v.cmdline(), Bootloader: v.texts["bootloader"],
		Boot: v.texts["boot"], Serial: v.texts["serial"],
		OnPoweroff: v.texts["on_poweroff"], OnReboot: v.texts["on_reboot"], OnCrash: v.texts["on_crash"],
	}
	if c.Name == "" {
		return c, errors.New("no name")
	}
	for firmware, bios := range biosOfFirmware {
		if v.texts["bios"] == bios {
			c.Firmware = firmware
		}
	}
	var n numbers
	c.Memory, c.MaxMemory = n.read(v, "memory"), n.read(v, "maxmem")
	c.VCPUs, c.MaxVCPUs = int(n.read(v, "vcpus")), int(n.read(v, "maxvcpus"))
	c.CPUCap, c.CPUWeight = int(n.read(v, "cap")), int(n.read(v, "cpu_weight"))
	if c.CPUWeight == 0 {
		c.CPUWeight = int(n.read(v, "#cpu_weight"))
	}
	if c.Type == TypeHVM && n.read(v, "vnc") != 0 {
		c.VNC = &VNC{Listen: v.texts["vnclisten"], Display: int(n.read(v, "vncdisplay")), Password: v.texts["vncpasswd"], Keymap: v.texts["keymap"]}
	}
	if n.err != nil {
		return c, n.err
	}
	for _, text := range v.lists["disk"] {
		d, err := ParseDisk(text)
		if err != nil {
			return c, err
		}
		c.Disks = append(c.Disks, d)
	}
	for _, text := range v.lists["vif"] {
		nic, err := parseNIC(text)
		if err != nil {
			return c, err
		}
		c.NICs = append(c.NICs, nic)
	}
	if vfbs := v.lists["vfb"]; len(vfbs) > 0 && c.Type == TypePV {
		c.VNC, err = parseVFB(vfbs[0])
	}
	return c, err
}

// guestType is "type", the older "builder", or what xl assumes without either.
func (v values) guestType() string {
	switch {
	case v.texts["type"] != "":
		return v.texts["type"]
	case v.texts["builder"] == "" || v.texts["builder"] == "generic":
		return TypePV
	}
	return v.texts["builder"]
}

// cmdline is "cmdline", or the older pair of "root" and "extra".
func (v values) cmdline() string {
	root, extra := v.texts["root"], v.texts["extra"]
	switch {
	case v.texts["cmdline"] != "":
		return v.texts["cmdline"]
	case root != "":
		return strings.TrimSuffix("root="+root+" "+extra, " ")
	}
	return extra
}

// numbers reads numeric values and keeps the first error.
type numbers struct{ err error }

// cNumber is what strtol with base 0 takes whole: decimal, octal or hexadecimal.
var cNumber = regexp.MustCompile(`^[ \t]*([+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*))$`)

func (n *numbers) read(v values, key string) int64 {
	text, set := v.texts[key]
	if !set || n.err != nil {
		return 0
	}
	number, err := parseNumber(text)
	if err != nil {
		n.err = fmt.Errorf("%s = %q is not a number", key, text)
	}
	return number
}

func parseNumber(text string) (int64, error) {
	m := cNumber.FindStringSubmatch(text)
	if m == nil {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseInt(m[1], 0, 32)
}
