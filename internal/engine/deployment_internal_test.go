package engine

import (
	"strings"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// No part of a password is shown with a deployment file, whatever it is made of.
func TestDeploymentFileWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"plantedX", `a"lanted`, `a\"anted`, `a]planted`[:8], "a'lanted", `\\planted`[:8], `"planted`, `planted\`, "a planted"[:8], "vncpassw"} {
		for _, typ := range []model.DomainType{model.TypeHVM, model.TypePV} {
			body := model.VirtualMachineBody{
				Type: typ, Memory: new(int64), Graphics: &model.Graphics{Password: password, Port: 5901}, OS: &model.OS{},
			}
			*body.Memory = 64
			if typ == model.TypePV {
				body.OS.Bootloader = "pygrub"
			}
			text, err := DeploymentFile(PlainDomain{Name: "web", UUID: ourUUID, Body: body})
			if err != nil {
				t.Fatalf("%s %q: %v", typ, password, err)
			}
			shown := withoutPassword(text)
			line := shown[strings.Index(shown, "vncpasswd"):]
			line = line[:strings.IndexByte(line, '\n')]
			rest := strings.NewReplacer("vncpasswd", "", "vnclisten", "", "keymap", "", "vnc", "").Replace(line)
			for at := 0; at+3 <= len(password); at++ {
				if strings.Contains(rest, password[at:at+3]) {
					t.Errorf("%s: of %q is shown %s", typ, password, line)
				}
			}
			if !strings.Contains(shown, "********") || strings.Count(shown, "\n") != strings.Count(text, "\n") {
				t.Errorf("%s: %q became\n%s", typ, text, shown)
			}
		}
	}
}
