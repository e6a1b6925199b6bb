package transfer

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestFindSum(t *testing.T) {
	md5, sha256, sha512 := strings.Repeat("1a", 16), strings.Repeat("2b", 32), strings.Repeat("3c", 64)
	for name, test := range map[string]struct{ text, want string }{
		"plain":              {sha256 + "  disk.img\n" + md5 + "  other.img\n", "sha256:" + sha256},
		"binary mark":        {sha512 + " *disk.img\r\n", "sha512:" + sha512},
		"folder":             {md5 + "  ./bookworm/disk.img\n", "md5:" + md5},
		"upper case":         {strings.ToUpper(sha256) + "  disk.img", "sha256:" + sha256},
		"tagged":             {"SHA256 (disk.img) = " + sha256 + "\n", "sha256:" + sha256},
		"openssl":            {"SHA512(disk.img)= " + sha512 + "\n", "sha512:" + sha512},
		"the strongest":      {"MD5 (disk.img) = " + md5 + "\nSHA512 (disk.img) = " + sha512 + "\nSHA256 (disk.img) = " + sha256 + "\n", "sha512:" + sha512},
		"signed":             {"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + sha256 + "  disk.img\n-----BEGIN PGP SIGNATURE-----\n", "sha256:" + sha256},
		"one bare":           {"\n" + sha256 + "\n", "sha256:" + sha256},
		"name with spaces":   {sha256 + "  a disk.img\n" + md5 + "  disk.img\n", "md5:" + md5},
		"another algorithm":  {"SHA3-256 (disk.img) = " + sha256 + "\n" + md5 + "  disk.img\n", "md5:" + md5},
		"comment and sum256": {"# disk.img: 100 bytes\nSHA256 (disk.img) = " + sha256 + "\n", "sha256:" + sha256},
	} {
		got, err := FindSum(test.text, "disk.img")
		if err != nil || got.String() != test.want {
			t.Errorf("%s: got %s, %v", name, got, err)
		}
	}
	for name, test := range map[string]struct{ text, want string }{
		"not listed":   {sha256 + "  b.img\n" + sha256 + "  a.img\n", `has no checksum of "disk.img": it has those of a.img, b.img`},
		"many":         {strings.Repeat(sha256+"  a.img\n", 5) + sha256 + "  b.img\n" + lines(sha256, 10), "and 2 more"},
		"a web page":   {"<html>not found</html>", "holds no checksums"},
		"bad digits":   {sha256[:62] + "  disk.img\n", "holds no checksums"},
		"two bare":     {sha256 + "\n" + sha256 + "\n", "holds no checksums"},
		"other digest": {"SHA3-256 (disk.img) = " + sha256 + "\n", `no checksum`},
	} {
		if _, err := FindSum(test.text, "disk.img"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func lines(sum string, n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(sum + "  c" + string(rune('0'+i)) + ".img\n")
	}
	return text.String()
}

func TestFetchSum(t *testing.T) {
	sum := strings.Repeat("2b", 32)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/SHA256SUMS" {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(sum + "  disk.img\n"))
	}))
	defer server.Close()
	got, err := FetchSum(t.Context(), server.URL+"/SHA256SUMS?token="+secret, "disk.img")
	if err != nil || got.Hex != sum {
		t.Errorf("got %s, %v", got, err)
	}
	_, err = FetchSum(t.Context(), server.URL+"/SHA256SUMS?token="+secret, "other.img")
	wantError(t, err, server.URL+"/SHA256SUMS has no checksum of \"other.img\"")
	if strings.Contains(err.Error(), secret) {
		t.Errorf("the error holds the token: %s", err)
	}
	_, err = FetchSum(t.Context(), server.URL+"/MD5SUMS", "disk.img")
	wantError(t, err, "404")
	_, err = FetchSum(t.Context(), "ftp://127.0.0.1/SUMS", "disk.img")
	wantError(t, err, "neither an http nor an https URL")
}
