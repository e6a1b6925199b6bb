package provider

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/onexen/terraform-provider-xen/internal/engine"
	"github.com/onexen/terraform-provider-xen/internal/host"
)

var hostNamePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

type providerModel struct {
	Hosts       types.Map    `tfsdk:"hosts"`
	DefaultHost types.String `tfsdk:"default_host"`
	SSH         types.Object `tfsdk:"ssh"`
	LockTimeout types.String `tfsdk:"lock_timeout"`
}

type sshModel struct {
	loginModel
	ConfigFiles types.List  `tfsdk:"config_files"`
	Bastions    types.List  `tfsdk:"bastions"`
	Sudo        types.Bool  `tfsdk:"sudo"`
	MaxSessions types.Int64 `tfsdk:"max_sessions"`
}

type hostModel struct {
	sshModel
	Address   types.String `tfsdk:"address"`
	HostKey   types.String `tfsdk:"host_key"`
	Datastore types.String `tfsdk:"datastore"`
}

// validate checks what validators cannot: values that must fit each other.
func (m providerModel) validate(diags *diag.Diagnostics) {
	if m.Hosts.IsUnknown() || m.Hosts.IsNull() || m.DefaultHost.IsNull() || m.DefaultHost.IsUnknown() {
		return
	}
	if _, named := m.Hosts.Elements()[m.DefaultHost.ValueString()]; !named {
		addErrorAt(diags, path.Root("default_host"), "Unable to use the default host",
			strconv.Quote(m.DefaultHost.ValueString())+" is not one of the hosts: "+listed(slices.Sorted(maps.Keys(m.Hosts.Elements()))))
	}
}

// newBackend makes the engine from the configuration, or remembers which values are not known yet.
func newBackend(ctx context.Context, m providerModel, diags *diag.Diagnostics) *backend {
	b := &backend{pending: map[string]string{}}
	for name, value := range map[string]attr.Value{"hosts": m.Hosts, "default_host": m.DefaultHost, "ssh": m.SSH, "lock_timeout": m.LockTimeout} {
		if value.IsUnknown() {
			b.unknown = name
			return b
		}
	}
	cfg := engine.Config{
		Hosts:       map[string]engine.HostConfig{},
		DefaultHost: or(m.DefaultHost, envString("XEN_DEFAULT_HOST")).ValueString(),
		LockTimeout: duration(path.Root("lock_timeout"), or(m.LockTimeout, envString("XEN_LOCK_TIMEOUT")), diags),
	}
	progress, err := newProgressLog(os.Getenv("XEN_PROGRESS"))
	if err != nil {
		diags.AddError("Unable to use XEN_PROGRESS", err.Error())
		return b
	}
	cfg.Progress = progress.report
	defaults := sshFromEnvironment(ctx, diags)
	if ssh := object[sshModel](ctx, m.SSH, diags); ssh != nil {
		defaults = ssh.over(defaults)
	}
	for name, h := range m.hosts(ctx, diags) {
		cfg.Hosts[name], b.pending[name] = h.toConfig(ctx, name, defaults, diags)
	}
	if diags.HasError() {
		return b
	}
	if b.engine, err = engine.New(cfg); err != nil {
		diags.AddError("Unable to use the provider configuration", err.Error())
	}
	return b
}

// hosts are the configured ones, or the one of the environment.
func (m providerModel) hosts(ctx context.Context, diags *diag.Diagnostics) map[string]hostModel {
	if !m.Hosts.IsNull() {
		return elements[hostModel](ctx, m.Hosts, diags)
	}
	address := envString("XEN_HOST")
	if address.IsNull() {
		addErrorAt(diags, path.Root("hosts"), "Unable to find a Xen host",
			"The provider configuration names no host. Set hosts, or the environment variable XEN_HOST.")
		return nil
	}
	name := or(envString("XEN_HOST_NAME"), types.StringValue("default")).ValueString()
	if !hostNamePattern.MatchString(name) {
		diags.AddError("Unable to use XEN_HOST_NAME",
			strconv.Quote(name)+" is not a name for a host: letters, digits and the characters . _ - only, beginning with a letter or digit.")
	}
	return map[string]hostModel{name: {sshModel: noSSH(), Address: address, HostKey: envString("XEN_HOST_KEY")}}
}

// toConfig also returns the argument whose value is not known yet, or nothing.
func (m hostModel) toConfig(ctx context.Context, name string, defaults sshModel, diags *diag.Diagnostics) (engine.HostConfig, string) {
	p := path.Root("hosts").AtMapKey(name)
	ssh := m.over(defaults)
	datastore := or(m.Datastore, envString("XEN_DATASTORE"))
	values := ssh.values()
	maps.Copy(values, map[string]attr.Value{
		"address": m.Address, "host_key": m.HostKey, "datastore": datastore, "config_files": ssh.ConfigFiles, "bastions": ssh.Bastions,
		"sudo": ssh.Sudo, "max_sessions": ssh.MaxSessions,
	})
	pending := firstUnknown(ctx, values)
	cfg := ssh.toConfig(p, name, diags)
	cfg.Name, cfg.Address, cfg.HostKey = name, m.Address.ValueString(), m.HostKey.ValueString()
	cfg.Sudo, cfg.MaxSessions = ssh.Sudo.ValueBool(), int(ssh.MaxSessions.ValueInt64())
	cfg.Trace = func(ctx context.Context, step string, took time.Duration, err error) {
		tflog.Debug(ctx, step, map[string]any{"host": name, "seconds": took.Seconds(), "failed": err != nil})
	}
	var bastions []bastionModel
	diags.Append(ssh.Bastions.ElementsAs(ctx, &bastions, true)...)
	for i, bastion := range bastions {
		way := bastion.toConfig(p.AtName("bastions").AtListIndex(i), ssh.loginModel, diags)
		way.Bastion, cfg.Bastion = cfg.Bastion, &way
	}
	cfg.Direct = !ssh.Bastions.IsNull() && len(bastions) == 0
	if pending == "" {
		cfg = completeFromFiles(p, ssh.ConfigFiles, cfg, diags)
	}
	return engine.HostConfig{Datastore: datastore.ValueString(), Config: cfg}, pending
}

// over fills what m does not say from the defaults.
func (m sshModel) over(d sshModel) sshModel {
	return sshModel{
		loginModel:  m.loginModel.over(d.loginModel),
		ConfigFiles: or(m.ConfigFiles, d.ConfigFiles), Bastions: or(m.Bastions, d.Bastions),
		Sudo: or(m.Sudo, d.Sudo), MaxSessions: or(m.MaxSessions, d.MaxSessions),
	}
}

func noSSH() sshModel {
	noStrings := types.ListNull(types.StringType)
	return sshModel{loginModel: loginModel{KnownHostsFiles: noStrings}, ConfigFiles: noStrings, Bastions: types.ListNull(types.ObjectType{})}
}

func sshFromEnvironment(ctx context.Context, diags *diag.Diagnostics) sshModel {
	m := noSSH()
	m.Port = envNumber("XEN_PORT", 1, 65535, diags)
	m.User = envString("XEN_USER")
	m.PrivateKeyFile = envString("XEN_PRIVATE_KEY_FILE")
	m.PrivateKey = envString("XEN_PRIVATE_KEY")
	m.PrivateKeyPassphrase = envString("XEN_PRIVATE_KEY_PASSPHRASE")
	m.Password = envString("XEN_PASSWORD")
	m.Agent = envBool("XEN_AGENT", diags)
	m.HostKeyPolicy = envString("XEN_HOST_KEY_POLICY")
	m.Sudo = envBool("XEN_SUDO", diags)
	m.ConnectTimeout = envString("XEN_CONNECT_TIMEOUT")
	m.KeepAlive = envString("XEN_KEEP_ALIVE")
	m.MaxSessions = envNumber("XEN_MAX_SESSIONS", 2, 1<<16, diags)
	m.KnownHostsFiles = envList(ctx, "XEN_KNOWN_HOSTS_FILES", diags)
	m.ConfigFiles = envList(ctx, "XEN_CONFIG_FILES", diags)
	policies := []string{"", host.Strict, host.AcceptNew, host.Insecure}
	if policy := m.HostKeyPolicy.ValueString(); !slices.Contains(policies, policy) {
		diags.AddError("Unable to use XEN_HOST_KEY_POLICY", strconv.Quote(policy)+" is not a policy: use "+listed(policies[1:])+".")
	}
	return m
}

func envString(name string) types.String {
	if value := os.Getenv(name); value != "" {
		return types.StringValue(value)
	}
	return types.StringNull()
}

// envList reads paths that are separated as in PATH.
func envList(ctx context.Context, name string, diags *diag.Diagnostics) types.List {
	value := os.Getenv(name)
	if value == "" {
		return types.ListNull(types.StringType)
	}
	list, d := types.ListValueFrom(ctx, types.StringType, filepath.SplitList(value))
	diags.Append(d...)
	return list
}

func envNumber(name string, least, most int64, diags *diag.Diagnostics) types.Int64 {
	value := os.Getenv(name)
	if value == "" {
		return types.Int64Null()
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil || number < least || number > most {
		diags.AddError("Unable to use "+name, strconv.Quote(value)+" is not a number from "+
			strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10)+".")
	}
	return types.Int64Value(number)
}

func envBool(name string, diags *diag.Diagnostics) types.Bool {
	value := os.Getenv(name)
	if value == "" {
		return types.BoolNull()
	}
	truth, err := strconv.ParseBool(value)
	if err != nil {
		diags.AddError("Unable to use "+name, strconv.Quote(value)+" is neither true nor false.")
	}
	return types.BoolValue(truth)
}

// duration reads a duration that a validator may have seen already; one from the environment has not been seen.
func duration(p path.Path, value types.String, diags *diag.Diagnostics) time.Duration {
	if value.ValueString() == "" {
		return 0
	}
	d, err := parseDuration(value.ValueString())
	if err != nil {
		addErrorAt(diags, p, "Unable to read a duration", err.Error())
	}
	return d
}
