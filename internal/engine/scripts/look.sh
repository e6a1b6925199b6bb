# What runs on the host right now, each part ended by a NUL; appended to the reading of the datastore, whose root is $1.
xl vm-list || exit 50
printf '\0'
xl list || exit 50
printf '\0'
xl info || exit 50
printf '\0'
ip -o link show type bridge 2>/dev/null
printf '\0'
# A guest that reboots is unknown to xl for seconds, but the xl process that watches over it is there all the time.
printf '%s/vms/' "$1" | grep -asHF -f - /proc/[0-9]*/cmdline | tr '\000' ' '
printf '\0'
# What each domain has now, with the devices that came and went since it was created.
xl list -l || exit 50
printf '\0'
