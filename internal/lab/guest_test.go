package lab

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// guest runs a line of shell after a file of the guest's, with tools that only say how they were called.
func guest(t *testing.T, line string) string {
	t.Helper()
	script := `for tool in hostname ifconfig route; do eval "$tool() { echo $tool \"\$@\"; }"; done
. ./guest/etc/init.d/context
` + line
	said, err := exec.Command("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return string(said)
}

func TestGuestConfiguresTheNICOfItsMAC(t *testing.T) {
	said := guest(t, `ETH0_MAC=02:00:c0:a8:46:01 ETH0_IP=192.168.70.1
ETH3_MAC=02:00:c0:a8:46:96 ETH3_IP=192.168.70.150 ETH3_GATEWAY=192.168.70.1
configure_nic eth0 02:00:c0:a8:46:96`)
	want := `ifconfig eth0 192.168.70.150 netmask 255.255.255.0 up
route add default gw 192.168.70.1 dev eth0
CONTEXT eth0=192.168.70.150/255.255.255.0 mac=02:00:c0:a8:46:96
`
	if said != want {
		t.Errorf("the guest did\n%swant\n%s", said, want)
	}
}

func TestGuestTakesItsNameFromTheContext(t *testing.T) {
	for line, want := range map[string]string{
		`SET_HOSTNAME=web-1 HOSTNAME=other; set_hostname`: "hostname web-1\nCONTEXT hostname=web-1\n",
		`SET_HOSTNAME= HOSTNAME=other; set_hostname`:      "hostname other\nCONTEXT hostname=other\n",
		`SET_HOSTNAME= HOSTNAME=; set_hostname`:           "",
	} {
		if said := guest(t, line); said != want {
			t.Errorf("%s: the guest did %q, want %q", line, said, want)
		}
	}
}

// TestInstallerBootsWhatItMakes compares names that stand in several places: the CD-ROM's label, and that of the disk it installs.
func TestInstallerBootsWhatItMakes(t *testing.T) {
	for file, want := range map[string]string{
		"build_guests.sh":                 "-V INSTALLER ",
		"installer/isolinux/isolinux.cfg": "root=LABEL=INSTALLER\n",
		"installer/bin/init":              "mke2fs -L installed ",
		"installer/boot/extlinux.conf":    "root=LABEL=installed\n",
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s has no %q", file, want)
		}
	}
}
