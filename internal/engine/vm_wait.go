package engine

import (
	"context"
	_ "embed" // the script
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

//go:embed scripts/vm_ping.sh
var vmPingScript string

const (
	waitPause     = time.Second     // between two looks
	dialPatience  = 5 * time.Second // for one answer
	shownLines    = 20              // of the console, in the error
	forwardRemedy = "let it (AllowTcpForwarding yes in sshd_config), or wait for something else than tcp_port"
)

// TimeoutError tells that a guest was not seen in time.
type TimeoutError struct {
	Name    string
	Waited  time.Duration
	Missing []string // what was waited for and not seen, in words
	Console string   // the last lines of the guest's console, each ended by a line feed
}

func (e *TimeoutError) Error() string {
	text := fmt.Sprintf("The virtual machine %q was waited for, %s, and did not show: %s.", e.Name, e.Waited.Round(time.Second), strings.Join(e.Missing, "; "))
	if e.Console != "" {
		text += "\n\nThe last lines of its console:\n" + e.Console
	}
	return text
}

// Await waits until a guest shows all that is said, and reads its virtual machine then. A *TimeoutError comes with what was read last; the
// guest is left as it is. Other errors mean that waiting is of no use. It holds no lock.
func (e *Engine) Await(ctx context.Context, ref model.Ref, wait model.WaitFor) (model.VirtualMachine, error) {
	s, err := e.site(ref.Host)
	if err != nil {
		return model.VirtualMachine{}, err
	}
	began := time.Now()
	for {
		v, err := s.viewOf(ctx, waitPause) // all who wait for guests of one host look together
		if err != nil {
			return model.VirtualMachine{}, err
		}
		vm, err := v.virtualMachine(ref.ID)
		if err != nil {
			return vm, err
		}
		missing, err := s.missing(ctx, vm, wait)
		if err != nil || len(missing) == 0 {
			return vm, err
		}
		if time.Since(began) >= wait.Patience() {
			console, _ := s.console(ctx, vm) // without it, too, the error tells what was waited for
			return vm, &TimeoutError{Name: vm.Name, Waited: time.Since(began), Missing: missing, Console: lastLines(console, shownLines)}
		}
		select {
		case <-time.After(waitPause):
		case <-ctx.Done():
			return vm, context.Cause(ctx)
		}
	}
}

// missing says what the guest does not show yet.
func (s *site) missing(ctx context.Context, vm model.VirtualMachine, wait model.WaitFor) ([]string, error) {
	if vm.State != model.VMRunning {
		return []string{fmt.Sprintf("a running guest (the state is %s)", vm.State)}, nil
	}
	var missing []string
	if (wait.Address || wait.Ping || wait.TCPPort != 0) && len(vm.Addresses()) == 0 {
		missing = append(missing, "an IP address (nics.*.ip, an agent in the guest, DHCP leases and neighbours of the host were looked at)")
	}
	for _, probe := range []func(context.Context, model.VirtualMachine, model.WaitFor) (string, error){s.noTCP, s.noPing, s.noText} {
		text, err := probe(ctx, vm, wait)
		if err != nil {
			return nil, err
		}
		if text != "" {
			missing = append(missing, text)
		}
	}
	return missing, nil
}

// noTCP tells when no address of the guest accepts a connection from the host.
func (s *site) noTCP(ctx context.Context, vm model.VirtualMachine, wait model.WaitFor) (string, error) {
	if wait.TCPPort == 0 || len(vm.Addresses()) == 0 {
		return "", nil
	}
	for _, address := range vm.Addresses() {
		limited, cancel := context.WithTimeout(ctx, dialPatience)
		conn, err := s.host.Dial(limited, net.JoinHostPort(address, strconv.FormatInt(wait.TCPPort, 10)))
		cancel()
		if err == nil {
			_ = conn.Close()
			return "", nil
		}
		if errors.Is(err, host.ErrForwarding) {
			return "", &model.FieldError{Field: "wait_for.tcp_port", Err: fmt.Errorf("%w: %s", err, forwardRemedy)}
		}
		if _, broken := errors.AsType[*host.ConnectionError](err); broken {
			return "", err
		}
	}
	return fmt.Sprintf("an answer on TCP port %d of %s", wait.TCPPort, strings.Join(vm.Addresses(), ", ")), nil
}

// noPing tells when no address of the guest answers a ping from the host.
func (s *site) noPing(ctx context.Context, vm model.VirtualMachine, wait model.WaitFor) (string, error) {
	if !wait.Ping || len(vm.Addresses()) == 0 {
		return "", nil
	}
	result, err := s.host.Run(ctx, host.Script{
		Step: fmt.Sprintf("ping virtual machine %q", vm.Name), Text: vmPingScript, Args: vm.Addresses(), Repeatable: true,
	})
	if err != nil || len(result.Stdout) > 0 {
		return "", err
	}
	return "an answer to a ping of " + strings.Join(vm.Addresses(), ", "), nil
}

// noText tells when the console has not shown what was waited for.
func (s *site) noText(ctx context.Context, vm model.VirtualMachine, wait model.WaitFor) (string, error) {
	if wait.ConsoleRegex == "" {
		return "", nil
	}
	pattern, err := wait.Console()
	if err != nil {
		return "", err
	}
	text, err := s.console(ctx, vm)
	if err != nil || pattern.MatchString(text) {
		return "", err
	}
	return fmt.Sprintf("%q on its console", wait.ConsoleRegex), nil
}
