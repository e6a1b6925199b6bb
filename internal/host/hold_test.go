package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

const holdText = `echo "held by $1"; echo more; cat >/dev/null; echo done >&2`

func TestHold(t *testing.T) {
	h := startServer(t).host(nil)
	held, err := h.Hold(t.Context(), Script{Step: "lock web-1", Text: `echo $$; cat >/dev/null; sleep 0.2`})
	if err != nil {
		t.Fatal(err)
	}
	if !alive(t, held.Line()) {
		t.Fatal("the held script does not run")
	}
	begun := time.Now()
	if err := held.Release(); err != nil {
		t.Error(err)
	}
	if err := held.Release(); err != nil {
		t.Errorf("second release: %v", err)
	}
	if took := time.Since(begun); took < 200*time.Millisecond || took > 4*time.Second {
		t.Errorf("the release took %s", took)
	}
	if alive(t, held.Line()) {
		t.Error("Release returned before the script had ended")
	}
	select {
	case <-held.Lost():
		t.Error("a released script counts as lost")
	case <-time.After(50 * time.Millisecond):
	}
}

func TestReleaseAfterClose(t *testing.T) {
	h := startServer(t).host(nil)
	held, err := h.Hold(t.Context(), Script{Step: "lock web-1", Text: holdText})
	if err != nil {
		t.Fatal(err)
	}
	_ = h.Close()
	if err := held.Release(); !errors.Is(err, errClosed) {
		t.Error(err)
	}
}

func TestHoldOutlivesItsContext(t *testing.T) {
	h := startServer(t).host(nil)
	ctx, cancel := context.WithCancel(t.Context())
	held, err := h.Hold(ctx, Script{Text: holdText, Args: []string{"me"}})
	if err != nil || held.Line() != "held by me" {
		t.Fatal(held, err)
	}
	cancel()
	select {
	case <-held.Lost():
		t.Error("lost with its context")
	case <-time.After(100 * time.Millisecond):
	}
	if err := held.Release(); err != nil {
		t.Error(err)
	}
}

func TestHoldFails(t *testing.T) {
	h := startServer(t).host(nil)
	_, err := h.Hold(t.Context(), Script{Step: "lock web-1", Text: "echo 'held by process 12' >&2; exit 4"})
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Status != 4 || err.Error() != "Unable to lock web-1 on host \"xen01\": exit status 4\n\nheld by process 12" {
		t.Error(err)
	}
	if _, err := h.Hold(t.Context(), Script{Text: "true"}); err == nil || !strings.Contains(err.Error(), "without printing a line") {
		t.Error(err)
	}
	if _, err := h.Hold(t.Context(), Script{Text: "echo", Stdin: strings.NewReader("")}); err == nil {
		t.Error("a held script with an input was accepted")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := h.Hold(ctx, Script{Text: "sleep 60"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestHeldScriptThatEndsByItself(t *testing.T) {
	h := startServer(t).host(nil)
	held, err := h.Hold(t.Context(), Script{Text: "echo; exit 5"})
	if err != nil {
		t.Fatal(err)
	}
	<-held.Lost()
	var exit *ExitError
	if err := held.Release(); !errors.As(err, &exit) || exit.Status != 5 {
		t.Error(err)
	}
}

func TestReleaseEndsAScriptThatIgnoresIt(t *testing.T) {
	t.Parallel()
	h := startServer(t).host(nil)
	held, err := h.Hold(t.Context(), Script{Text: "echo $$; sleep 300"})
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Release(); err == nil || !strings.Contains(err.Error(), "did not end within 5s") {
		t.Error(err)
	}
	if alive(t, held.Line()) {
		t.Error("the script still runs")
	}
}

func TestHoldIsFreedWhenTheConnectionDies(t *testing.T) {
	s := startServer(t)
	h := s.host(nil)
	lock := t.TempDir() + "/lock"
	text := `exec 9>"$1"; flock -n 9 || exit 4; echo "$$"; cat >/dev/null`
	for n := range 6 { // more often than there are slots
		held, err := h.Hold(t.Context(), Script{Text: text, Args: []string{lock}})
		if err != nil {
			t.Fatalf("hold %d: %v", n, err)
		}
		s.drop()
		<-held.Lost()
		eventually(t, "the host ends the script", func() bool { return !alive(t, held.Line()) })
		var failed *ConnectionError
		if err := held.Release(); !errors.As(err, &failed) {
			t.Errorf("release of a lost script: %v", err)
		}
	}
}

func TestHeldScriptsNeverStarveRun(t *testing.T) {
	h := startServer(t).host(nil)
	var all []*Held
	for n := range 4 {
		held, err := h.Hold(t.Context(), Script{Text: holdText, Args: []string{fmt.Sprint(n)}})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, held)
	}
	fifth := make(chan error, 1)
	go func() {
		held, err := h.Hold(t.Context(), Script{Text: holdText})
		if err == nil {
			err = held.Release()
		}
		fifth <- err
	}()
	for range 10 {
		if _, err := h.Run(t.Context(), Script{Text: "true"}); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case err := <-fifth:
		t.Fatalf("the fifth script was held beside four: %v", err)
	default:
	}
	if err := all[0].Release(); err != nil {
		t.Error(err)
	}
	if err := <-fifth; err != nil {
		t.Error(err)
	}
	for _, held := range all[1:] {
		if err := held.Release(); err != nil {
			t.Error(err)
		}
	}
}

func TestFirstLine(t *testing.T) {
	f := &firstLine{complete: make(chan struct{})}
	for _, part := range []string{"he", "llo", " you\nsecond", "\nthird\n"} {
		if n, err := f.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	<-f.complete
	if f.String() != "hello you" {
		t.Errorf("%q", f.String())
	}
}
