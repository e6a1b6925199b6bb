package transfer

import (
	"errors"
	"os"
	"testing"
)

func TestVerify(t *testing.T) {
	content := append(append(noise(3*unit), make([]byte, 40*unit)...), noise(2*unit+512)...)
	described := func(t *testing.T, on Runner, dst string) string {
		digest, err := MakeMap(t.Context(), on, File{dst, dst + ".map"})
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	damages := map[string]func(string) error{
		"nothing":        func(string) error { return nil },
		"data":           func(path string) error { return writeAt(path, unit+9, "damage") },
		"zeros":          func(path string) error { return writeAt(path, 20*unit, "damage") },
		"length":         func(path string) error { return os.Truncate(path, 10*unit) },
		"the file":       os.Remove,
		"the map":        func(path string) error { return os.Remove(path + ".map") },
		"another digest": func(path string) error { return writeAt(path+".map", 20, "00000000") },
	}
	makers := map[string]func(*testing.T, string) string{
		"sent": func(t *testing.T, dst string) string {
			info, err := Send(t.Context(), localRunner{}, Source{Path: place(t, content)}, at(dst))
			if err != nil {
				t.Fatal(err)
			}
			return info.SHA256
		},
		"described": func(t *testing.T, dst string) string {
			if err := os.WriteFile(dst, content, 0o600); err != nil {
				t.Fatal(err)
			}
			return described(t, localRunner{}, dst)
		},
		"described without python3": func(t *testing.T, dst string) string {
			if err := os.WriteFile(dst, content, 0o600); err != nil {
				t.Fatal(err)
			}
			digest := described(t, withoutPython(t, localRunner{}), dst)
			if digest != sha(content) {
				t.Fatalf("got %q", digest)
			}
			return digest
		},
	}
	for how, maker := range makers {
		for what, damage := range damages {
			t.Run(how+" "+what, func(t *testing.T) {
				dst := newDst(t)
				digest := maker(t, dst)
				if err := damage(dst); err != nil {
					t.Fatal(err)
				}
				err := Verify(t.Context(), localRunner{}, File{dst, dst + ".map"}, digest)
				if damaged := errors.Is(err, ErrDamaged); damaged != (what != "nothing") || err != nil && !damaged {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// Of a sparse file only the data is read for its map.
func TestMakeMapOfASparseFile(t *testing.T) {
	path := place(t, nil)
	data := noise(2 * unit)
	if err := errors.Join(os.Truncate(path, 64<<30), writeAt(path, 30*unit, string(data)), writeAt(path, 1000*unit, string(data))); err != nil {
		t.Fatal(err)
	}
	digest, err := MakeMap(t.Context(), localRunner{}, File{path, path + ".map"})
	if err != nil || digest != sha(append(data, data...)) {
		t.Errorf("got %q, %v", digest, err)
	}
	text, err := os.ReadFile(path + ".map")
	if want := "size 68719476736\nsha256 " + digest + "\n30 2\n1000 2\nindex 0\n"; err != nil || string(text) != want {
		t.Errorf("the map is %q, %v", text, err)
	}
}
