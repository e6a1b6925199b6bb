package model

import "testing"

// FuzzParseRef reads what a user gives to `terraform import`: what is taken is written the same way.
func FuzzParseRef(f *testing.F) {
	for _, id := range []string{"xen01/7", "", "/", "xen01", "xen01/", "/7", "xen01/07", "xen01/-1", "xen01/+1", "xen01/7/8", "xen01/99999999999999999999", "a\nb/1", "xen01/７", "xen01/0x1", "xen01/ 7", "$(id)/1"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		ref, err := ParseRef(id)
		if err == nil && (ref.String() != id || ref.ID < 0 || ref.Host == "") {
			t.Errorf("%q became %+v", id, ref)
		}
	})
}

// FuzzCheckName takes no name that a shell, a path, xl or a terminal would read as anything else.
func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"web-1", "", "1", "-f", "--help", "$(reboot)", "a\nb", "../a", ".", "a b", "é", "\u202ea", "a\x00", "a+b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) != nil {
			return
		}
		digits := true
		for i, c := range []byte(name) {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			digit := c >= '0' && c <= '9'
			digits = digits && digit
			if !letter && !digit && (i == 0 || c != '.' && c != '_' && c != '+' && c != '-') {
				t.Errorf("%q is taken for a name", name)
			}
		}
		if digits || len(name) > 128 {
			t.Errorf("%q is taken for a name", name)
		}
	})
}
