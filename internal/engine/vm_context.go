package engine

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/onexen/terraform-provider-xen/internal/contextiso"
	"github.com/onexen/terraform-provider-xen/internal/model"
)

// contextImage lays out the ISO of a virtual machine. The files of its context stay on the host, where the ISO is put together.
func (s *site) contextImage(r resolved) (*contextiso.Image, error) {
	label, files, err := s.contextContents(r)
	if err != nil {
		return nil, &model.FieldError{Field: "context", Err: err}
	}
	return contextiso.NewImage(label, files)
}

func (s *site) contextContents(r resolved) (label string, files []contextiso.File, err error) {
	variables, nics, files := contextVariables(r), contextNICs(r.body), s.contextFiles(r.context)
	if c := r.context; c != nil && c.Format == model.ContextNoCloud {
		cloud := contextiso.NoCloud{Variables: variables, UUID: r.uuid, Files: files}
		if c.Network {
			cloud.NICs = nics
		}
		files, err = cloud.Contents()
		return contextiso.NoCloudLabel, files, err
	}
	script, err := contextiso.EncodeScript(variables)
	return contextiso.Label, append(files, contextiso.Content(contextiso.ScriptName, 0o644, script)), err
}

// contextVariables are the context's, under the virtual machine's own.
func contextVariables(r resolved) map[string]string {
	variables := map[string]string{}
	if c := r.context; c != nil {
		maps.Copy(variables, c.ContextSettings.Variables(r.name))
		maps.Copy(variables, c.Variables)
		maps.Copy(variables, c.Secrets)
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
	nics := []contextiso.NIC{}
	for _, name := range slices.SortedFunc(maps.Keys(body.NICs), byNICIndex) {
		nic := body.NICs[name]
		told := contextiso.NIC{
			Index: model.NICIndex(name), MAC: nic.MAC, Method: nic.Method, IP: nic.IP, Mask: nic.Netmask, Gateway: nic.Gateway,
			DNS: nic.DNS, SearchDomain: nic.SearchDomain, MTU: int(nic.MTU), Metric: int(nic.Metric), VLAN: int(nic.VLAN),
			IP6: nic.IP6, IP6PrefixLength: int(nic.IP6PrefixLength), IP6Gateway: nic.IP6Gateway, IP6Method: nic.IP6Method,
		}
		for _, to := range slices.Sorted(maps.Keys(nic.Routes)) {
			told.Routes = append(told.Routes, contextiso.Route{To: to, Via: nic.Routes[to]})
		}
		nics = append(nics, told)
	}
	return nics
}

// contextFiles are the files of a context as they lie on the host.
func (s *site) contextFiles(c *model.Context) []contextiso.File {
	if c == nil {
		return nil
	}
	var files []contextiso.File
	for _, file := range c.Files {
		mode := fs.FileMode(0o644)
		if file.Executable {
			mode = 0o755
		}
		files = append(files, contextiso.File{
			Name: file.Name, Mode: mode, Size: file.Bytes, SHA256: file.SHA256,
			From: path.Join(s.store.Dir(model.KindContext, c.ID), "files", file.Name),
		})
	}
	return files
}
