// Command terraform-provider-xen is a Terraform provider that turns plain Xen hosts into a small cloud.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/onexen/terraform-provider-xen/internal/provider"
)

// version is set by the linker when a release is built.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "run under a debugger such as delve")
	flag.Parse()

	if err := provider.Serve(context.Background(), version, *debug); err != nil {
		log.Fatal(err)
	}
}
