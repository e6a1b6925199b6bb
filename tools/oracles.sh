#!/bin/sh
# Finds the programs that judge our code in the tests (qemu-img, isoinfo, cloud-init, a real sshd, Xen's own parser), installs
# what a Debian machine lacks, and prints where the tests find them:
#
#     eval "$(tools/oracles.sh)"
#
# With the argument "peers" also the tools that `make bench-transfer` compares with.
#
# Says on standard error what it installs and why before it does. Where there is no apt-get it only names what is
# missing: the tests that need it are skipped.
set -eu
cd "$(dirname "$0")/.."

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
peers=${1:-}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/terraform-provider-xen
xl_recipe=internal/xl/testdata

# program, the Debian packages that bring it, what the tests want it for
programs() {
    cat <<'END'
gcc       gcc,libc6-dev   the race detector, and the shim around Xen's own parser
curl      curl            fetches images on the simulated host
wget      wget            fetches images on the simulated host
xz        xz-utils        unpacks images on the simulated host
qemu-img  qemu-utils      makes and judges qcow2 images
isoinfo   genisoimage     judges the context ISO
xorriso   xorriso         judges the context ISO's Rock Ridge and Joliet names
busybox   busybox-static  a second POSIX shell for the scripts that run on a host
bzip2     bzip2           packs the images that the provider unpacks
mke2fs    e2fsprogs       makes and judges file systems
zstd      zstd            unpacks what is sent over slow links
python3   python3         stores what is sent
sudo      sudo            runs scripts for users other than root
csh       csh             a login shell that is not POSIX
fish      fish            another one
ssh       openssh-client  judges our reading of ssh_config
END
    [ -n "$peers" ] && cat <<'END'
rsync     rsync           to compare transfers with
END
    true
}

say() { echo "$*" >&2; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

refresh_package_lists() {
    [ -n "${refreshed:-}" ] || as_root apt-get update -qq >&2
    refreshed=yes
}

install_programs() {
    wanted=$(programs | while read -r program packages why; do
        command -v "$program" >/dev/null && continue
        say "missing: $program ($packages): $why"
        echo "$packages" | tr , ' '
    done)
    [ -n "$wanted" ] || return 0
    command -v apt-get >/dev/null || return 0
    say "installing with apt-get:" $wanted
    refresh_package_lists
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $wanted </dev/null >&2
}

# unpack PACKAGE NAME: unpacks a package, and what it needs and is missing here, into the cache's folder NAME.part.
unpack() {
    refresh_package_lists
    rm -rf "$cache/$2.part"
    mkdir -p "$cache/$2.part/packages" "$cache/$2.part/root"
    (
        cd "$cache/$2.part/packages"
        apt-get download -qq -o APT::Sandbox::User=root $(apt-get install -s --no-install-recommends "$1" | awk '$1 == "Inst" { print $2 }') >&2
        for package in *.deb; do dpkg -x "$package" ../root; done
    )
    rm -r "$cache/$2.part/packages"
}

# The package openssh-server would start a server on this machine. So it is unpacked into the cache, not installed,
# together with the libraries of it that are missing here.
unpack_sshd() {
    say "missing: sshd (openssh-server): the server that our SSH client is tested against; unpacking it into $cache/sshd, nothing is started"
    unpack openssh-server sshd
    cat >"$cache/sshd.part/sshd" <<END
#!/bin/sh
LD_LIBRARY_PATH='$cache/sshd/root/usr/lib/$(uname -m)-linux-gnu:$cache/sshd/root/lib/$(uname -m)-linux-gnu' exec '$cache/sshd/root/usr/sbin/sshd' "\$@"
END
    chmod +x "$cache/sshd.part/sshd"
    rm -rf "$cache/sshd"
    mv "$cache/sshd.part" "$cache/sshd"
}

# Started by root, sshd wants its user and folder for privilege separation, which its package's scripts would have made.
prepare_root_for_sshd() {
    [ "$(id -u)" = 0 ] || return 0
    getent passwd sshd >/dev/null ||
        useradd --system --no-create-home --home-dir /run/sshd --shell /usr/sbin/nologin sshd >&2
    mkdir -p -m 0755 /run/sshd
}

offer_sshd() {
    sshd=$(command -v sshd || echo "$cache/sshd/sshd")
    if [ ! -x "$sshd" ]; then
        command -v apt-get >/dev/null || { say "missing: sshd"; return 0; }
        unpack_sshd
    fi
    prepare_root_for_sshd
    echo "export XEN_TEST_SSHD='$sshd'"
}

# The package cloud-init would configure this machine at its next boot, so it is unpacked like that of sshd.
offer_cloud_init() {
    modules=/usr/lib/python3/dist-packages
    if [ ! -d "$modules/cloudinit" ]; then
        modules=$cache/cloud-init/root$modules
    fi
    if [ ! -d "$modules" ]; then
        command -v apt-get >/dev/null || { say "missing: cloud-init"; return 0; }
        say "missing: cloud-init: reads our contexts as guests do; unpacking it into $cache/cloud-init, nothing is started"
        unpack cloud-init cloud-init
        rm -rf "$cache/cloud-init"
        mv "$cache/cloud-init.part" "$cache/cloud-init"
    fi
    echo "export XEN_CLOUD_INIT='$modules'"
}

# The cache's folder is named for what makes the parser, so that a changed recipe makes a new one.
offer_xl_parser() {
    directory=$cache/xl-$(cat "$xl_recipe"/fetch-xl.sh "$xl_recipe"/xlshim.c | sha256sum | cut -c 1-12)
    if [ ! -x "$directory/xl-parse" ]; then
        command -v apt-get >/dev/null || { say "missing: Xen's xl"; return 0; }
        say "missing: xl (xen-utils-4.17): judges our deployment files; unpacking it into $directory, nothing is installed"
        refresh_package_lists
        sh "$xl_recipe/fetch-xl.sh" "$directory" </dev/null >&2
    fi
    echo "export XEN_XL_PARSER='$directory/xl-parse'"
}

# A version manager's stand-in for python3 takes half a second to find the real one, each time.
offer_python() {
    echo "export PATH='$(python3 -c 'import sys; print(sys.base_prefix)')/bin':\"\$PATH\""
}

install_programs
offer_python
offer_sshd
offer_cloud_init
offer_xl_parser
