#!/usr/bin/env bash
# Applies the quick start on the lab's Xen host and shows what came of it: the guests' own words, an empty plan, and nothing left after
# destroy. `make demo` starts the host, builds the provider and sets the environment.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=.lab/demo
step() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
stop() {
	printf '\n\033[31mThe demo stops here: %s\033[0m\n' "$*" >&2
	printf 'The host is still up: make lab-ssh looks at it, make lab-down ends it.\n' >&2
	exit 1
}
lab() { bin/lab "$@"; }

# guest_lines NAME waits until the guest has told on its console what its context made of it.
guest_lines() {
	local deadline=$((SECONDS + 600))
	until lab console "$1" 2>/dev/null | grep -q "GUEST READY"; do
		[ $SECONDS -lt $deadline ] || stop "$1 did not come up within 10 minutes; its console said: $(lab console "$1" | tail -n 20)"
		sleep 3
	done
	lab console "$1" | tr -d '\r' | grep -E '^(CONTEXT|DISK|MEMORY|VCPUS|GUEST|The context)' | sed "s/^/  $1 | /"
}

: "${XEN_HOST:?is not set: run make demo}"
go build -o bin/lab ./internal/lab/cmd/lab
rm -rf "$work"
mkdir -p "$work"
cp examples/quickstart/*.tf "$work"
terraform() { command "${TF_ACC_TERRAFORM_PATH:-terraform}" -chdir="$work" "$@"; }

terraform init >"$work/init.log" || stop "terraform init failed: $(cat "$work/init.log")"
step "terraform apply: images, a context, a template and two virtual machines on $XEN_HOST:${XEN_PORT:-22}"
terraform apply -auto-approve || stop "terraform apply failed"

step "What the guests say on their consoles"
for name in web-1 web-2; do guest_lines "$name"; done

step "xl list on the host"
lab ssh xl list

step "A second plan finds nothing to do"
terraform plan -detailed-exitcode || stop "the plan is not empty"

step "terraform destroy"
terraform destroy -auto-approve || stop "terraform destroy failed"

step "What is left on the host"
domains=$(lab ssh "xl list | awk 'NR > 2'")
loops=$(lab ssh losetup -a)
files=$(lab ssh "cd '$XEN_DATASTORE' && find images templates contexts vms tmp locks -type f ! -name .last ! -name records")
[ -z "$domains$loops$files" ] || stop "left behind: $domains $loops $files"
echo "no domain, no loop device, no file"

step "Done in $SECONDS s. The host is still up:"
cat <<'END'
  make lab-ssh                                    a shell on its dom0
  set -a; . .lab/env; set +a                      an empty provider "xen" {} now finds it
  export TF_CLI_CONFIG_FILE=$PWD/bin/terraform.tfrc   terraform init finds the provider built here
  cd examples/quickstart && terraform init && terraform apply      the same stack again, to keep
  make lab-down                                   ends the host
END
