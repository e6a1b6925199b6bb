# Prints the last lines of the log of a virtual machine, without those of xl, which the error has already.
# $1 folder
grep -v '\[VMM\]\[I\]: libxl: ' -- "$1/vm.log" 2>/dev/null | tail -n 40
