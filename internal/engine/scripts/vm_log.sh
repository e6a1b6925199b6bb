# Prints the last lines of the log of a virtual machine.
# $1 folder
tail -n 40 -- "$1/vm.log" 2>/dev/null || true
