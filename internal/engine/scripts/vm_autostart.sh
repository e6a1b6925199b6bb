# Tells xendomains to start the virtual machine when the host boots, from a deployment file, or not to.
# $1 folder  $2 UUID  $3 deployment file; empty: do not start it
set -eu
dir=$1 uuid=$2
if [ -z "$3" ]; then
	no_autostart
	exit 0
fi
folder=${SIMHOST_ROOT:-}/etc/xen/auto
mkdir -p -- "$folder"
ln -sf -- "$3" "$folder/one-${dir##*/}.$uuid"
