#!/bin/sh
# Builds busybox with musl, as Alpine has it, out of Debian's source: the file busybox in FOLDER.
# Usage: prepare.sh FOLDER [MIRROR...]
#   MIRROR  line of sources.list where Debian's packages come from; Debian's own when there is none
set -eu
cd "$1"
shift
[ $# -gt 0 ] || set -- 'deb http://deb.debian.org/debian bookworm main'

mkdir -p apt/lists/partial apt/cache/archives/partial
printf '%s\n' "$@" | sed 's/^deb /deb-src /' >apt/sources.list
apt() {
	apt-get -qq -o Dir::Etc::SourceList="$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$PWD/apt/lists" \
		-o Dir::Cache="$PWD/apt/cache" -o Dir::Etc::TrustedParts=/usr/share/keyrings -o APT::Sandbox::User="$(id -un)" "$@"
}
apt update
apt source busybox

# musl brings no names of the kernel; those of the machine are read after its own.
mkdir kernel
for folder in linux asm-generic mtd "$(gcc -print-multiarch)/asm"; do ln -s "/usr/include/$folder" kernel/; done
make -s -C busybox-*/ defconfig >/dev/null
make -s -C busybox-*/ -j "$(nproc)" CC="musl-gcc -idirafter $PWD/kernel" busybox 2>busybox.log || { cat busybox.log; exit 1; }
mv busybox-*/busybox .
