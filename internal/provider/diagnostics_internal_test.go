package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
)

func TestFieldPath(t *testing.T) {
	t.Parallel()
	cases := map[string]path.Path{
		"name":                 path.Root("name"),
		"disks":                path.Root("disks"),
		"disks.xvda":           path.Root("disks").AtMapKey("xvda"),
		"disks.xvda.size":      path.Root("disks").AtMapKey("xvda").AtName("size"),
		"nics.eth0.mac":        path.Root("nics").AtMapKey("eth0").AtName("mac"),
		"os.kernel_id":         path.Root("os").AtName("kernel_id"),
		"graphics.password_wo": path.Root("graphics").AtName("password_wo"),
		"context.ROLE":         path.Root("context").AtMapKey("ROLE"),
		"variables_wo.A":       path.Root("variables_wo").AtMapKey("A"),
		"files.app.tar.gz":     path.Root("files").AtMapKey("app.tar.gz"),
		"labels.example.com/a": path.Root("labels").AtMapKey("example.com/a"),
	}
	for field, want := range cases {
		if got := fieldPath(field); !got.Equal(want) {
			t.Errorf("%s: got %s, want %s", field, got, want)
		}
	}
}
