# Makes the disks of a virtual machine; the context's ISO comes on standard input. Prints the name of each clone and the
# method that made it, and of the ISO its length and the time of its last change.
# $1 folder, then six words for each disk: clone|make|context, name, source, MiB (0: as the source), format of the source or of the disk,
# methods of a clone or file system
dir=$1
shift
while [ $# -gt 0 ]; do
	file=$dir/$2
	case $1 in
	clone)
		log TM I "clone: Cloning $3 in $file"
		clone_disk "$3" "$file" "$5" "$4" "$6"
		said="clone: The method was $method"
		printf '%s %s\n' "$2" "$method"
		;;
	make)
		log TM I "mkimage: Making a disk of $4 MiB in $file"
		make_disk "$file" "$4" "$5" "$6"
		said='mkimage: Made'
		;;
	context)
		log TM I "context: Storing the context in $file"
		whole_input "$file"
		said='context: Stored'
		printf 'context %s\n' "$(stat -c '%s:%Y' -- "$file")"
		;;
	esac
	log TM I "$said" TM I 'ExitCode: 0'
	shift 6
done
