# Makes the disks of a virtual machine; of the context's ISO comes on standard input what does not lie on the host. Prints the name of each
# clone and the method that made it, and of the ISO its length, the time of its last change, and its MD5 and SHA-256.
# $1 folder, then six words for each disk: clone|make|context, name, source, MiB (0: as the source), format of the source or of the disk,
# methods of a clone or file system; for a context the fourth is the number of its parts, and three words for each follow (parts.sh)
dir=$1
shift
while [ $# -gt 0 ]; do
	file=$dir/$2
	case $1 in
	clone)
		also TM I "clone: Cloning $3 in $file"
		clone_disk "$3" "$file" "$5" "$4" "$6"
		said="clone: The method was $method"
		printf '%s %s\n' "$2" "$method"
		;;
	make)
		also TM I "mkimage: Making a disk of $4 MiB in $file"
		make_disk "$file" "$4" "$5" "$6"
		said='mkimage: Made'
		;;
	context)
		also TM I "context: Making the context in $file"
		parts=$4
		shift 6
		join_parts "$file" "$parts" "$@"
		md5=$(md5sum <"$file") sha256=$(sha256sum <"$file")
		printf 'context %s %s %s\n' "$(stat -c '%s:%Y' -- "$file")" "${md5%% *}" "${sha256%% *}"
		log TM I 'context: Stored' TM I 'ExitCode: 0'
		shift $((parts * 3))
		continue
		;;
	esac
	log TM I "$said" TM I 'ExitCode: 0'
	shift 6
done
