package transfer

import (
	"time"
)

// progressInterval is how often Source.Progress is called.
const progressInterval = 2 * time.Second

// Progress is how far a transfer has come.
type Progress struct {
	Done    int64         // bytes of the source that were taken; holes count
	Total   int64         // bytes of the source; -1 while unknown
	Sent    int64         // bytes that went to the host
	Elapsed time.Duration // since the transfer began
}

// Rate is the bytes of the source that were taken per second, on average.
func (p Progress) Rate() float64 {
	if p.Elapsed <= 0 {
		return 0
	}
	return float64(p.Done) / p.Elapsed.Seconds()
}

// Percent is how much of the source was taken; false while its length is unknown.
func (p Progress) Percent() (float64, bool) {
	if p.Total <= 0 {
		return 0, false
	}
	return 100 * float64(p.Done) / float64(p.Total), true
}

// Left is how long the rest will take at the average rate; false while that is unknown.
func (p Progress) Left() (time.Duration, bool) {
	if rate := p.Rate(); p.Total > 0 && rate > 0 {
		return time.Duration(float64(p.Total-p.Done) / rate * float64(time.Second)), true
	}
	return 0, false
}

// report calls f now, every interval, and once more when the returned function is called.
func report(f func(Progress), interval time.Duration, in *input, s *stream) (stop func()) {
	if f == nil {
		return func() {}
	}
	began := time.Now()
	tell := func() {
		f(Progress{Done: in.taken.Load(), Total: in.length, Sent: s.link.total.Load(), Elapsed: time.Since(began)})
	}
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			tell()
			select {
			case <-ticker.C:
			case <-quit:
				tell()
				return
			}
		}
	}()
	return func() { close(quit); <-done }
}
