package lab

import (
	"os/exec"
	"strings"
	"testing"
)

func TestImageNameFollowsTheRecipe(t *testing.T) {
	name := func(name string, recipe guestImage) string {
		cache, err := recipe.cacheName(name)
		if err != nil {
			t.Fatal(err)
		}
		return cache
	}
	seen := map[string]bool{}
	for guest, recipe := range guestImages {
		larger, fuller := recipe, recipe
		larger.mib++
		fuller.packages = append([]string{"nano"}, recipe.packages...)
		for _, one := range []guestImage{recipe, larger, fuller} {
			seen[name(guest, one)] = true
		}
		if !strings.HasPrefix(name(guest, recipe), "guest-"+guest+"-") || !seen[name(guest, recipe)] {
			t.Errorf("the image of %s is called %s", guest, name(guest, recipe))
		}
	}
	if len(seen) != 3*len(guestImages) {
		t.Errorf("%d different recipes have %d names", 3*len(guestImages), len(seen))
	}
}

func TestImageOfNobody(t *testing.T) {
	if _, err := new(Lab).GuestImage(t.Context(), "windows"); err == nil || !strings.Contains(err.Error(), "use debian or busybox") {
		t.Errorf("error %v", err)
	}
}

// TestImageScriptsAreShell lets a shell read what guests run at their boot and nobody runs before.
func TestImageScriptsAreShell(t *testing.T) {
	for _, script := range []string{
		"images/build.sh", "images/debian/finish.sh", "images/busybox/prepare.sh", "images/busybox/finish.sh",
		"images/debian/root/usr/local/sbin/context-changed", "images/debian/root/var/lib/cloud/scripts/per-instance/context",
		"images/busybox/root/etc/rc.local", "images/busybox/root/etc/init.d/rcS", "images/busybox/root/etc/init.d/rcK",
		"../../examples/guest-by-hand/init.sh",
	} {
		if said, err := exec.Command("sh", "-n", script).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", script, err, said)
		}
	}
}
