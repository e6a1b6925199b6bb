# Writes a record: to a temporary file, synced, then renamed. One that was cut off goes with the next write of the record, and can be seen
# until then when it lies beside a record that stands.
# $1 root  $2 kind  $3 id  $4 record file  $5 create|update|idle (an update while no virtual machine uses the record)
# $6 the record  $7 lines that no other record of the kind may have, then what it needs of others, as grep -H prints it: images/3/image.json:LINE
set -eu
cd -- "$1"
kind=$2 id=$3 record=$2/$3/$4 mode=$5 content=$6 claims=$7 file=$4
shift 7
exec 9>>locks/records
flock -w 60 9
if [ "$mode" != create ] && [ ! -e "$record" ]; then exit 44; fi
if [ "$mode" = create ] && [ -e "$record" ]; then exit 45; fi
temporary=tmp/record.$kind.$id
[ ! -e "$record" ] || temporary=$record.new
trap '[ ! -e "$temporary" ] || rm -f -- "$temporary"' EXIT
trap 'exit 143' TERM # dash runs the other trap only so
printf '%s' "$content" >"$temporary"
sync -- "$temporary" 2>/dev/null || sync

# damaged FILE...: $broken are other records that were cut off. What they use and claim is not known, so it must not be given away.
damaged() {
	broken=$(grep -sL '^}$' -- "$@") || true
	[ "$broken" != "$record" ] || broken=
}

if [ "$mode" = idle ]; then
	users=$(grep -slxF -e "    \"$kind/$id\"," -e "    \"$kind/$id\"" -- vms/*/vm.json) || true
	[ -z "$users" ] || { printf '%s\n' "$users"; exit 46; }
	damaged vms/*/vm.json
	[ -z "$broken" ] || { printf '%s\n' "$broken"; exit 47; }
fi
if [ -n "$claims" ]; then
	taken=$(grep -sHxF -f - -- "$kind"/*/"$file" <<-END
		$claims
	END
	) || true
	[ -z "$taken" ] || taken=$(printf '%s\n' "$taken" | grep -v -m 1 "^$record:") || true
	[ -z "$taken" ] || { printf '%s\n%s\n' "${taken#*:}" "${taken%%:*}"; exit 42; }
	damaged "$kind"/*/"$file"
	if [ -n "$broken" ]; then
		# It may have what is claimed anew. Each claim stands twice in the list, with a comma and without.
		mine=$(printf '%s\n' "$claims" | grep -scxF -f - -- "$record") || true
		[ "${mine:-0}" -ge $(($(printf '%s\n' "$claims" | wc -l) / 2)) ] || { printf '%s\n' "$broken"; exit 47; }
	fi
fi
if [ $# -gt 0 ]; then
	met=$(for need; do printf '%s\n' "${need#*:}"; done | grep -asHxF -f - -- $(for need; do echo "${need%%:*}"; done)) || true
	newline='
'
	for need; do
		case $newline$met$newline in
		*"$newline$need$newline"*) ;;
		*) need=${need%%:*}; echo "${need%/*}"; exit 43 ;;
		esac
	done
fi
[ -d "$kind/$id" ] || mkdir -p -- "$kind/$id"
mv -f -- "$temporary" "$record"
