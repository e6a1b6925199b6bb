package transfer

import (
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// The two digests that the plan takes at once are those of all bytes, and of the data that a transfer finds.
func TestDigestsOfAFile(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	contents := map[string][]byte{"empty": {}, "dense": noise(20 * unit), "zeros": make([]byte, 3*unit), "short": noise(700), "short zeros": make([]byte, 700)}
	for range 30 {
		content := noise((1 + random.IntN(60)) * unit)
		content = content[:len(content)-random.IntN(2)*(unit-sector)]
		for at := 0; at < len(content); at += unit * (1 + random.IntN(4)) {
			clear(content[at:min(len(content), at+unit*random.IntN(14))])
		}
		contents[sha(content)] = content
	}
	for name, content := range contents {
		path := place(t, content)
		f, st, err := openFile(path)
		if err != nil {
			t.Fatal(err)
		}
		whole, data, err := digestFile(t.Context(), &fileContent{f: f, size: st.Size(), mtime: st.ModTime(), taken: new(atomic.Int64)})
		_ = f.Close()
		if err != nil || whole != sha(content) {
			t.Errorf("%s: the digest is %s, %v, not %s", name, whole, err, sha(content))
		}
		if sum := dataSHA(content); data != sum {
			t.Errorf("%s: the digest of the data is %s, not %s", name, data, sum)
		}
	}
}

// What the plan digested need not be digested by the apply: the host comes to the same. Where it does not, because somebody wrote to the
// file and put its time back, the file is read once more.
func TestSendOfAFileThatIsKnown(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	content := noise(40 * unit)
	clear(content[3*unit : 30*unit])
	path := place(t, content)
	stale := time.Now().Add(-time.Hour)
	age := func() {
		if err := os.Chtimes(path, stale, stale); err != nil {
			t.Fatal(err)
		}
	}
	age()
	sum, err := Hash(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := open(t.Context(), Source{Path: path})
	if err != nil || in.data != dataSHA(content) {
		t.Fatalf("the digest %q is known, %v", in.data, err)
	}
	in.Close()
	dst := newDst(t)
	if _, err := Send(t.Context(), localRunner{}, Source{Path: path, Checksum: &sum}, at(dst)); err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, content)

	if err := writeAt(path, 0, "changed"); err != nil {
		t.Fatal(err)
	}
	age()
	if _, err := Send(t.Context(), localRunner{}, Source{Path: path}, at(dst)); err != nil {
		t.Fatal(err)
	}
	copy(content, "changed")
	wantStored(t, dst, content)
	_, err = Send(t.Context(), localRunner{}, Source{Path: path, Checksum: &sum}, at(newDst(t)))
	wantError(t, err, "wrong checksum")
}
