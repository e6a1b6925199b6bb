package transfer

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const secret = "hunter2"

// imageServer serves data in the ways that servers get right and wrong.
func imageServer(t *testing.T, data []byte) *httptest.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("/ok", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(data) })
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(data[:1])
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(data[1:])
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/ok", http.StatusFound) })
	mux.HandleFunc("/signed", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/gone?signature="+secret, http.StatusFound)
	})
	mux.HandleFunc("/away", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://user:"+secret+"@127.0.0.1:1/?token="+secret, http.StatusFound)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) })
	mux.HandleFunc("/private", func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != secret {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(data)
	})
	mux.HandleFunc("/encoded", func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.Header().Set("Content-Encoding", "gzip")
		}
		_, _ = w.Write(data)
	})
	mux.HandleFunc("/short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(data)+1))
		_, _ = w.Write(data)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(data[:len(data)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	mux.HandleFunc("/login", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("\n<!DOCTYPE HTML><html>Please log in</html>"))
	})
	mux.HandleFunc("/partial", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusPartialContent) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestSendFromURL(t *testing.T) {
	data := checkered(2*blockSize + 512)
	server := imageServer(t, data)
	withPassword := strings.Replace(server.URL, "://", "://user:"+secret+"@", 1)
	for _, url := range []string{
		server.URL + "/ok", server.URL + "/ok?token=" + secret, server.URL + "/chunked", server.URL + "/moved",
		server.URL + "/encoded", withPassword + "/private",
	} {
		dst := newDst(t)
		info, err := Send(t.Context(), localRunner{}, Source{URL: url}, at(dst))
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		n := int64(len(data))
		if want := (Info{"raw", n, n, dataSHA(data), Checksum{"sha256", sha(data)}, info.Sent}); info != want {
			t.Errorf("%s: got %+v, want %+v", url, info, want)
		}
		wantStored(t, dst, data)
		if got := allocated(t, dst); got > n/2+unit {
			t.Errorf("%s: %d bytes are allocated on the host", url, got)
		}
	}
}

func TestSendFromURLDecompresses(t *testing.T) {
	data := noise(3 * unit)
	packed := pack(t, "xz", data)
	server := imageServer(t, packed)
	dst := newDst(t)
	checksum := mustChecksum(t, "SHA256:"+strings.ToUpper(sha(packed)))
	if _, err := Send(t.Context(), localRunner{}, Source{URL: server.URL + "/chunked", Checksum: &checksum}, at(dst)); err != nil {
		t.Fatal(err)
	}
	wantStored(t, dst, data)
}

func TestSendFromBadURL(t *testing.T) {
	data := noise(2 * blockSize)
	server := imageServer(t, data)
	closed := httptest.NewServer(nil)
	closed.Close()
	tests := []struct{ url, want string }{
		{server.URL + "/missing?token=" + secret, `"404 Not Found" to GET ` + server.URL + "/missing"},
		{server.URL + "/signed", `"404 Not Found" to GET ` + server.URL + "/gone"},
		{strings.Replace(server.URL, "://", "://"+secret+":@", 1) + "/private", `"401 Unauthorized"`},
		{server.URL + "/partial", "206"},
		{server.URL + "/short", fmt.Sprintf("cut off after %d bytes", len(data))},
		{server.URL + "/broken", fmt.Sprintf("cut off after %d bytes", len(data)/2)},
		{server.URL + "/login", "web page"},
		{server.URL + "/loop", "stopped after 10 redirects"},
		{server.URL + "/away", "connection refused"},
		{closed.URL + "/?" + secret, "connection refused"},
		{"http://user:" + secret + "/x@127.0.0.1/", "not valid"},
		{"http://user:" + secret + "%zz@127.0.0.1/", "not valid"},
		{"http:///x?" + secret, "not valid"},
		{"ftp://user:" + secret + "@127.0.0.1/x", "neither an http nor an https URL"},
		{"file:///etc/" + secret, "not valid"},
	}
	for _, test := range tests {
		dst := newDst(t)
		_, err := Send(t.Context(), localRunner{}, Source{URL: test.url}, at(dst))
		wantError(t, err, test.want)
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error shows the secret: %v", test.url, err)
		}
		wantNothing(t, dst)
	}
}

// The checksum is that of the file on the server, whatever the decompressor leaves unread.
func TestChecksumCoversAllThatIsDelivered(t *testing.T) {
	packed := pack(t, "bzip2", noise(100))
	both := append(bytes.Clone(packed), packed...)
	checksum := mustChecksum(t, "sha256:"+sha(both))
	dst := newDst(t)
	if _, err := Send(t.Context(), localRunner{}, Source{Path: place(t, both), Checksum: &checksum}, at(dst)); err != nil {
		t.Fatal(err)
	}
	data := append(noise(100), noise(100)...)
	wantStored(t, dst, append(data, make([]byte, 312)...))
}
