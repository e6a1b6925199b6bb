package provider

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

func TestFirstUnknownLooksIntoLists(t *testing.T) {
	t.Parallel()
	list := types.ListValueMust(types.StringType, []attr.Value{types.StringValue("a"), types.StringUnknown()})
	values := map[string]attr.Value{"address": types.StringValue("192.0.2.70"), "bastions": types.ListNull(types.ObjectType{}), "known_hosts_files": list}
	if name := firstUnknown(t.Context(), values); name != "known_hosts_files" {
		t.Errorf("%q is the first unknown one", name)
	}
}
