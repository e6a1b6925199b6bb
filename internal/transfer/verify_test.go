package transfer

import (
	"errors"
	"os"
	"testing"
)

func TestVerify(t *testing.T) {
	content := append(append(noise(3*unit), make([]byte, 40*unit)...), noise(2*unit+512)...)
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
			digest, err := Describe(t.Context(), localRunner{}, File{dst, dst + ".map"})
			if err != nil || digest != sha(content) {
				t.Fatalf("got %q, %v", digest, err)
			}
			return digest
		},
	}
	for how, make := range makers {
		for what, damage := range damages {
			t.Run(how+" "+what, func(t *testing.T) {
				dst := newDst(t)
				digest := make(t, dst)
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
