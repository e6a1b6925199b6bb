package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/contextiso"
	"github.com/onexen/terraform-provider-xen/internal/host"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// contextLabel is what guests look for; never a device name.
const contextLabel = "CONTEXT"

// readContextFilesScript prints the files of a context one after the other. $1 folder, then their names.
const readContextFilesScript = `set -eu
cd -- "$1"
shift
for name; do cat -- "./$name"; done
`

// contextISO makes the ISO of a virtual machine in a temporary folder of this machine; the caller removes the folder.
func (s *site) contextISO(ctx context.Context, r resolved) (folder, file string, info contextiso.Info, err error) {
	script, err := contextiso.EncodeScript(contextVariables(r))
	if err != nil {
		return "", "", info, &model.FieldError{Field: "context", Err: err}
	}
	files := []contextiso.File{contextiso.Content("context.sh", 0o644, script)}
	more, err := s.contextFiles(ctx, r.context)
	if err != nil {
		return "", "", info, err
	}
	if folder, err = os.MkdirTemp("", "terraform-provider-xen-"); err != nil {
		return "", "", info, fmt.Errorf("unable to make the context ISO: %w", err)
	}
	file = filepath.Join(folder, "context.iso")
	info, err = contextiso.Write(file, contextLabel, append(files, more...))
	return folder, file, info, err
}

// contextVariables are the context's, under the virtual machine's own.
func contextVariables(r resolved) map[string]string {
	variables := map[string]string{}
	if c := r.context; c != nil {
		maps.Copy(variables, c.Variables)
		maps.Copy(variables, c.Secrets)
		if len(c.SSHPublicKeys) > 0 {
			variables["SSH_PUBLIC_KEY"] = strings.Join(c.SSHPublicKeys, "\n")
		}
		if c.StartScript != "" {
			variables["START_SCRIPT_BASE64"] = base64.StdEncoding.EncodeToString([]byte(c.StartScript))
		}
		if c.Network {
			maps.Copy(variables, contextiso.NetworkVariables(contextNICs(r.body)))
			variables["NETWORK"] = "YES"
		}
		if scripts := initScripts(c); scripts != "" {
			variables["INIT_SCRIPTS"] = scripts
		}
	}
	maps.Copy(variables, r.body.Context)
	return variables
}

// initScripts are the executable files, which guests run in the order of their names.
func initScripts(c *model.Context) string {
	var names []string
	for _, file := range c.Files {
		if file.Executable {
			names = append(names, file.Name)
		}
	}
	return strings.Join(names, " ")
}

func contextNICs(body model.VirtualMachineBody) []contextiso.NIC {
	var nics []contextiso.NIC
	for _, name := range slices.SortedFunc(maps.Keys(body.NICs), byNICIndex) {
		nic := body.NICs[name]
		nics = append(nics, contextiso.NIC{
			Index: model.NICIndex(name), MAC: nic.MAC, IP: nic.IP, Mask: nic.Netmask, Gateway: nic.Gateway,
			DNS: nic.DNS, SearchDomain: nic.SearchDomain, MTU: int(nic.MTU),
		})
	}
	return nics
}

// contextFiles reads the files of a context back from the host, and checks that they are what was stored.
func (s *site) contextFiles(ctx context.Context, c *model.Context) ([]contextiso.File, error) {
	if c == nil || len(c.Files) == 0 {
		return nil, nil
	}
	args := []string{s.store.Dir(model.KindContext, c.ID) + "/files"}
	for _, file := range c.Files {
		args = append(args, file.Name)
	}
	result, err := s.host.Run(ctx, host.Script{Step: fmt.Sprintf("read the files of context %q", c.Name), Text: readContextFilesScript, Args: args, Repeatable: true})
	if err != nil {
		return nil, err
	}
	var files []contextiso.File
	rest := bytes.NewBuffer(result.Stdout)
	for _, file := range c.Files {
		content := rest.Next(int(file.Bytes))
		if digest := sha256.Sum256(content); hex.EncodeToString(digest[:]) != file.SHA256 {
			return nil, fmt.Errorf("the file %s of context %q was changed on host %s: make the context anew (terraform apply -replace)", file.Name, c.Name, s.name)
		}
		mode := fs.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		files = append(files, contextiso.Content(file.Name, mode, content))
	}
	return files, nil
}
