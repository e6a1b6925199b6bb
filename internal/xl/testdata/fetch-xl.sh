#!/bin/sh
# fetch-xl.sh OUTDIR: makes OUTDIR/xl-parse, which parses a deployment file with Debian's real xl,
# prints the domain as JSON on standard output and xl's remarks on standard error, and exits with
# 1 when xl refuses the file. Needs apt-get, dpkg and cc; no root, no Xen. Does nothing when
# OUTDIR/xl-parse is there and works.
set -eu

out=${1:?usage: fetch-xl.sh OUTDIR}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

works() {
	printf 'name = "probe"\ntype = "hvm"\nmemory = 64\n' >"$1/probe.cfg" &&
		"$1/xl-parse" "$1/probe.cfg" 2>&1 | grep -q '"name": "probe"'
}

[ ! -x "$out/xl-parse" ] || ! works "$out" || exit 0

mkdir -p "$(dirname -- "$out")"
new=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM

mkdir "$new/root"
(
	cd "$new"
	apt-get download xen-utils-4.17 libxenmisc4.17 libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 \
		libxengnttab1 libxenhypfs1 libxenstore4 libxentoolcore1 libxentoollog1 libyajl2 >download.log 2>&1 || {
		cat download.log >&2
		echo "fetch-xl.sh: Debian 12's xen-utils-4.17 and its libraries cannot be downloaded (is apt's list of packages up to date?)" >&2
		exit 1
	}
	for package in *.deb; do
		dpkg -x "$package" root
	done
	rm -f ./*.deb
)

cc -shared -fPIC -w -o "$new/xlshim.so" "$here/xlshim.c" -ldl
echo '# stands in for /etc/xen/xl.conf' >"$new/xl.conf"
cat >"$new/xl-parse" <<'END'
#!/bin/sh
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
LD_LIBRARY_PATH=$(echo "$here"/root/usr/lib/*-linux-gnu) LD_PRELOAD=$here/xlshim.so XLCONF=$here/xl.conf \
	"$here/root/usr/lib/xen-4.17/bin/xl" -N create "$1" || exit 1
END
chmod 755 "$new" "$new/xl-parse"
works "$new" || {
	"$new/xl-parse" "$new/probe.cfg" >&2 || :
	echo "fetch-xl.sh: the downloaded xl does not run here" >&2
	exit 1
}
rm -rf "$out"
mv "$new" "$out"
trap - EXIT
