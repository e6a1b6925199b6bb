package host

// checkOwner trusts the folder's own permissions.
func checkOwner(string) error { return nil }
