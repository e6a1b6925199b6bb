# Holds a guest, or lets it go on.
# $1 folder  $2 UUID  $3 pause|unpause
set -eu
dir=$1 uuid=$2
ids=$(domids)
[ -n "$ids" ] || fail 58 VMM 'The guest ended meanwhile.'
forget_checkpoint $ids
for domid in $ids; do
	case $(flags "$domid") in
	???s*) fail 58 VMM 'The guest ended meanwhile.' ;;
	??p-*) [ "$3" = pause ] || xl unpause "$domid" ;;
	*) [ "$3" = unpause ] || xl pause "$domid" ;;
	esac
done
