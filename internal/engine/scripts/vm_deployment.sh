# Writes the deployment file of the next start from standard input.
# $1 folder  $2 its number
set -eu
cat >"$1/deployment.$2.new"
mv -f -- "$1/deployment.$2.new" "$1/deployment.$2"
