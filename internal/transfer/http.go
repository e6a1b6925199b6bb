package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// client fetches bytes as they lie on the server: without DisableCompression a .gz could arrive unpacked, and its
// checksum would fail. Stalls are bounded by the caller's context only, as a large image may take hours.
var client = func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // documented to be one.
	t.DisableCompression = true
	t.ResponseHeaderTimeout = 2 * time.Minute
	return &http.Client{Transport: t}
}()

// get opens the body of a URL; length is -1 when the server does not tell.
func get(ctx context.Context, address string) (body io.ReadCloser, length int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, checkURL(address)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, maskError(err)
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, 0, fmt.Errorf("the server answered %q to GET %s", resp.Status, MaskURLs(resp.Request.URL.String()))
	}
	return resp.Body, resp.ContentLength, nil
}

// checkURL accepts http and https. A URL that is not valid is not shown: nobody can tell which part is a password.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("the source's URL is not valid; it must look like https://server/path, with special characters in a password percent-encoded")
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is neither an http nor an https URL", MaskURLs(address))
	}
	return nil
}

var anyURL = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)(?:[^\s"/?#]*@)?([^\s"?#]*)(?:[?#][^\s"]*)?`)

// MaskURLs takes user names, passwords, queries and fragments, any of which may be a token, out of the URLs in a text.
func MaskURLs(text string) string { return anyURL.ReplaceAllString(text, "$1$2") }

// maskError is an error of the HTTP client without credentials; it still matches the context's errors.
func maskError(err error) error {
	return maskedError{MaskURLs(err.Error()), err}
}

type maskedError struct {
	text string
	err  error
}

func (e maskedError) Error() string { return e.text }

func (e maskedError) Is(target error) bool { return errors.Is(e.err, target) }
