package provider

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/host"
)

// loginModel says how an SSH server is logged in to, be it that of a Xen host or of a bastion.
type loginModel struct {
	Port                 types.Int64  `tfsdk:"port"`
	User                 types.String `tfsdk:"user"`
	PrivateKeyFile       types.String `tfsdk:"private_key_file"`
	PrivateKey           types.String `tfsdk:"private_key"`
	PrivateKeyPassphrase types.String `tfsdk:"private_key_passphrase"`
	Password             types.String `tfsdk:"password"`
	Agent                types.Bool   `tfsdk:"agent"`
	KnownHostsFiles      types.List   `tfsdk:"known_hosts_files"`
	HostKeyPolicy        types.String `tfsdk:"host_key_policy"`
	ConnectTimeout       types.String `tfsdk:"connect_timeout"`
	KeepAlive            types.String `tfsdk:"keep_alive"`
}

// bastionModel is a server on the way to a host.
type bastionModel struct {
	loginModel
	Address types.String `tfsdk:"address"`
	HostKey types.String `tfsdk:"host_key"`
}

// toConfig takes what the bastion does not say from the host behind it, except the port, and the password, which a bastion must not learn.
func (m bastionModel) toConfig(p path.Path, behind loginModel, diags *diag.Diagnostics) host.Config {
	behind.Port, behind.Password = types.Int64Null(), types.StringNull()
	cfg := m.over(behind).toConfig(p, m.Address.ValueString(), diags)
	cfg.Address, cfg.HostKey = m.Address.ValueString(), m.HostKey.ValueString()
	return cfg
}

// toConfig says how the server of that name is logged in to, and warns of what is not safe.
func (m loginModel) toConfig(p path.Path, name string, diags *diag.Diagnostics) host.Config {
	if m.HostKeyPolicy.ValueString() == host.Insecure {
		diags.AddAttributeWarning(p.AtName("host_key_policy"), "Host keys are not checked",
			"With the policy insecure nothing tells "+name+" from a host that pretends to be it. Set host_key instead.")
	}
	var keyFiles []string
	if file := m.PrivateKeyFile.ValueString(); file != "" {
		keyFiles = []string{file}
	}
	return host.Config{
		Port: int(m.Port.ValueInt64()), User: m.User.ValueString(),
		PrivateKeyFiles: keyFiles, PrivateKey: m.PrivateKey.ValueString(),
		PrivateKeyPassphrase: m.PrivateKeyPassphrase.ValueString(), Password: m.Password.ValueString(),
		Agent: m.Agent.ValueBoolPointer(), KnownHostsFiles: stringList(m.KnownHostsFiles),
		HostKeyPolicy:  m.HostKeyPolicy.ValueString(),
		ConnectTimeout: duration(p.AtName("connect_timeout"), m.ConnectTimeout, diags),
		KeepAlive:      duration(p.AtName("keep_alive"), m.KeepAlive, diags),
	}
}

// completeFromFiles takes from ssh_config what cfg does not say.
func completeFromFiles(p path.Path, files types.List, cfg host.Config, diags *diag.Diagnostics) host.Config {
	names := stringList(files)
	if files.IsNull() {
		names = defaultConfigFiles()
	}
	completed, err := cfg.WithSSHConfig(names...)
	if err != nil {
		addErrorAt(diags, p, "Unable to follow ssh_config", err.Error()+"\n\nWith config_files = [] no ssh_config file is read.")
	}
	return completed
}

// defaultConfigFiles is ~/.ssh/config, where there is one.
func defaultConfigFiles() []string {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil
	}
	file := filepath.Join(home, ".ssh", "config")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return []string{file}
}

func (m loginModel) values() map[string]attr.Value {
	return map[string]attr.Value{
		"port": m.Port, "user": m.User, "private_key_file": m.PrivateKeyFile, "private_key": m.PrivateKey,
		"private_key_passphrase": m.PrivateKeyPassphrase, "password": m.Password, "agent": m.Agent,
		"known_hosts_files": m.KnownHostsFiles, "host_key_policy": m.HostKeyPolicy,
		"connect_timeout": m.ConnectTimeout, "keep_alive": m.KeepAlive,
	}
}

// over fills what m does not say from the defaults.
func (m loginModel) over(d loginModel) loginModel {
	return loginModel{
		Port: or(m.Port, d.Port), User: or(m.User, d.User),
		PrivateKeyFile: or(m.PrivateKeyFile, d.PrivateKeyFile), PrivateKey: or(m.PrivateKey, d.PrivateKey),
		PrivateKeyPassphrase: or(m.PrivateKeyPassphrase, d.PrivateKeyPassphrase), Password: or(m.Password, d.Password),
		Agent: or(m.Agent, d.Agent), KnownHostsFiles: or(m.KnownHostsFiles, d.KnownHostsFiles),
		HostKeyPolicy:  or(m.HostKeyPolicy, d.HostKeyPolicy),
		ConnectTimeout: or(m.ConnectTimeout, d.ConnectTimeout), KeepAlive: or(m.KeepAlive, d.KeepAlive),
	}
}
