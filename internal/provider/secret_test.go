package provider_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
)

// hides fails when the secret stands anywhere in the state.
func hides(secret string) resource.TestCheckFunc {
	return func(state *terraformState) error {
		text, err := json.Marshal(state)
		if err == nil && strings.Contains(string(text), secret) {
			err = fmt.Errorf("the state holds the secret: %s", text)
		}
		return err
	}
}

// planHides fails when the secret stands anywhere in the plan but the configuration, which Terraform itself puts there.
type planHides string

func (secret planHides) CheckPlan(_ context.Context, req plancheck.CheckPlanRequest, resp *plancheck.CheckPlanResponse) {
	plan := *req.Plan
	plan.Config = nil
	text, err := json.Marshal(plan)
	if err == nil && strings.Contains(string(text), string(secret)) {
		err = fmt.Errorf("the plan holds the secret: %s", text)
	}
	resp.Error = err
}
