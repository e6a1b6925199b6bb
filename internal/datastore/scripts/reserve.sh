# Makes the next id of a kind and prints it. Its folder comes with the record, so that nothing is left of an id whose client died before.
# Ids are never used twice: a stale reference must not meet a stranger.
# $1 root  $2 kind
set -eu
cd -- "$1"
exec 9>>locks/records
flock -w 60 9
cd -- "$2"
last=0
[ ! -e .last ] || read -r last <.last
id=$((last + 1))
while [ -e "$id" ]; do id=$((id + 1)); done
printf '%s\n' "$id" >.last.new
mv -f -- .last.new .last
printf '%s\n' "$id"
