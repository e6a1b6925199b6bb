# Makes a file of the host from what it fetches itself: from another file or a block device, or, with the URL on standard
# input, from a server. Prints the digest of the delivered bytes, then what heads.sh prints.
# $1 file to make  $2 file or block device, empty: a URL  $3 folder that it must not lie in  $4 digest algorithm
# $5 digest that the delivered bytes must have, or empty  $6 verbatim: store them as they are
# $7 how many bytes the content may have
# Exit statuses: 65 wrong or changed data, 70 something is missing on the host, 1 the rest.
set -eu
dst=$1 path=$2 forbidden=$3 algorithm=$4 want=$5 verbatim=$6 limit=$7
delivered=$dst.delivered

say() { printf '%s\n' "$*" >&2; }
need() { command -v "$1" >/dev/null 2>&1 || { say "there is no $1 on the host: install the package $2"; exit 70; }; }

# The URL may hold a password: only builtins of the shell and standard input see it. Its second line is quoted for curl.
download() {
	IFS= read -r url
	IFS= read -r quoted
	if command -v curl >/dev/null 2>&1; then
		printf 'url = "%s"\n' "$quoted" |
			curl -q -K - --globoff --silent --show-error --fail --location --proto =http,https --retry 3 \
				--connect-timeout 60 --speed-limit 1 --speed-time 300 --output "$1"
	elif command -v wget >/dev/null 2>&1; then
		printf '%s\n' "$url" | wget --no-verbose --tries 3 --timeout 300 --input-file - --output-document "$1"
	else
		say 'there is neither curl nor wget on the host: install one of them, or set fetch_from = "client"'
		exit 70
	fi
	[ -e "$1" ] || : >"$1" # curl makes no file of nothing
}

# openssl uses the processor's SHA instructions, where many a sha256sum does not.
digest() {
	if openssl dgst "-$algorithm" -r </dev/null >/dev/null 2>&1; then
		openssl dgst "-$algorithm" -r <"$1"
	else
		need "${algorithm}sum" coreutils
		"${algorithm}sum" <"$1"
	fi
}

# too_large: more bytes than a content may have, however few were delivered.
too_large() {
	say "the content has more than the $((limit / 1048576)) MiB that it may have; a larger size lets it have more"
	exit 65
}

# unpack TOOL PACKAGE: decompresses the delivered bytes and keeps runs of zeros as holes.
unpack() {
	need "$1" "$2"
	{ "$1" -dc <"$delivered" || : >"$dst.failed"; } | head -c "$((limit + 1))" | dd of="$dst" bs=65536 iflag=fullblock conv=sparse status=none
	[ "$(stat -c %s -- "$dst")" -le "$limit" ] || too_large
	[ ! -e "$dst.failed" ] || { say "the content could not be decompressed with $1"; exit 65; }
}

# plain stores the delivered bytes as they are, with holes.
plain() {
	[ -b "$delivered" ] || [ "$(stat -c %s -- "$delivered")" -le "$limit" ] || too_large
	if [ -n "$path" ]; then
		cp --reflink=auto --sparse=always -- "$delivered" "$dst"
	else
		fallocate --dig-holes "$delivered" 2>/dev/null || :
		mv -f -- "$delivered" "$dst"
	fi
}

facts=
if [ -z "$path" ]; then
	download "$delivered"
else
	delivered=$(readlink -f -- "$path") || delivered=$path
	if [ ! -e "$delivered" ]; then say "$path does not exist on the host"; exit 70; fi
	if [ ! -f "$delivered" ] && [ ! -b "$delivered" ]; then say "$path is neither a regular file nor a block device"; exit 70; fi
	case $delivered in "$(readlink -f -- "$forbidden")"/*) say "$path lies in the datastore: use source_image_id for an image"; exit 70 ;; esac
	facts=$(stat -c '%s %y' -- "$delivered")
fi

got=$(digest "$delivered")
got=${got%% *}
if [ -n "$want" ] && [ "$got" != "$want" ]; then
	say "wrong checksum: expected $algorithm:$want, got $algorithm:$got"
	exit 65
fi
magic=$(od -An -tx1 -N10 <"$delivered" | tr -d ' \n')
[ -z "$verbatim" ] || magic=verbatim
case $magic in
1f8b08*) unpack gzip gzip ;;
fd377a585a00*) unpack xz xz-utils ;;
28b52ffd* | 5?2a4d18*) unpack zstd zstd ;;
425a68??314159265359 | 425a68??177245385090) unpack bzip2 bzip2 ;;
*) plain ;;
esac
if [ -n "$facts" ] && [ "$facts" != "$(stat -c '%s %y' -- "$delivered")" ]; then
	say "$path changed while it was read"
	exit 65
fi
[ -n "$path" ] || rm -f -- "$delivered"
printf '%s\n' "$got"
