#!/bin/sh
# Does at each boot what OpenNebula's guest packages do: turns swap on, and runs the start script and the init scripts of the context, in
# the folder of its CD-ROM and with its variables.
set -u
medium=$(blkid -l -t LABEL=cidata -o device) || exit 0
work=$(mktemp -d) || exit 1
mkdir "$work/context" && mount -t iso9660 -o ro "$medium" "$work/context" || exit 1
trap 'cd / && umount "$work/context" && rm -rf "$work"' EXIT
cd "$work/context" || exit 1
set -a
. ./context.sh
set +a
if [ "${IGNORE_SWAP:-}" != YES ]; then
	for device in $(blkid -t TYPE=swap -o device); do
		swapon "$device" 2>/dev/null
	done
fi
run() {
	chmod 700 "$work/script" && "$work/script"
}
status=0
if [ -n "${START_SCRIPT_BASE64:-}" ]; then
	printf '%s' "$START_SCRIPT_BASE64" | base64 -d >"$work/script" && run || status=1
elif [ -n "${START_SCRIPT:-}" ]; then
	printf '%s' "$START_SCRIPT" >"$work/script" && run || status=1
fi
for script in ${INIT_SCRIPTS:-}; do
	cp "$script" "$work/script" && run || status=1
done
exit "$status"
