package main

import (
	"context"
	"os"
	"testing"
)

// TestMain is the provider when Terraform asks for it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveWord {
		if err := serve(context.Background()); err != nil {
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// planCommands is how many commands a plan runs on each host, however much stands there: one that looks at everything.
const planCommands = 1

func TestPlanAsksOnce(t *testing.T) {
	for _, number := range []int{30, 60} {
		r, err := measureSize(t.Context(), number, 1)
		if err != nil {
			t.Fatal(err)
		}
		if s := r.plan[0]; s.commands != planCommands || s.connections != 1 {
			t.Errorf("a plan over %d virtual machines and as many images ran %d commands over %d connections, not %d over one", number, s.commands, s.connections, planCommands)
		}
	}
}
