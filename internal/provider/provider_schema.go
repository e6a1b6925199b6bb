package provider

import (
	"fmt"
	"maps"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// environment lists the variables that stand in for arguments, in the order of the documentation.
var environment = []struct{ name, argument, meaning string }{
	{"XEN_HOST", "`hosts.<name>.address`", "Address of the one host, when `hosts` is not set."},
	{"XEN_HOST_NAME", "key of `hosts`", "Name of that host in ids and errors; `default` without it."},
	{"XEN_HOST_KEY", "`hosts.<name>.host_key`", "Public host key of that host."},
	{"XEN_DATASTORE", "`hosts.<name>.datastore`", "Folder for everything the provider stores on a host."},
	{"XEN_DEFAULT_HOST", "`default_host`", "Host of the resources that name none."},
	{"XEN_LOCK_TIMEOUT", "`lock_timeout`", "How long to wait for another operation on a host, such as `5m`."},
	{"XEN_PORT", "`ssh.port`", "TCP port of the SSH server."},
	{"XEN_USER", "`ssh.user`", "User to log in as."},
	{"XEN_PRIVATE_KEY_FILE", "`ssh.private_key_file`", "Path of a private key."},
	{"XEN_PRIVATE_KEY", "`ssh.private_key`", "Text of a private key."},
	{"XEN_PRIVATE_KEY_PASSPHRASE", "`ssh.private_key_passphrase`", "Passphrase of an encrypted private key."},
	{"XEN_PASSWORD", "`ssh.password`", "Password of the user."},
	{"XEN_AGENT", "`ssh.agent`", "`true` or `false`: whether to use the SSH agent."},
	{"XEN_KNOWN_HOSTS_FILES", "`ssh.known_hosts_files`", "Paths separated as in `PATH`."},
	{"XEN_HOST_KEY_POLICY", "`ssh.host_key_policy`", "`strict`, `accept-new` or `insecure`."},
	{"XEN_CONFIG_FILES", "`ssh.config_files`", "Paths of ssh_config files, separated as in `PATH`; `/dev/null` reads none."},
	{"XEN_SUDO", "`ssh.sudo`", "`true` or `false`: whether to work under `sudo -n`."},
	{"XEN_CONNECT_TIMEOUT", "`ssh.connect_timeout`", "Time for connecting and logging in, such as `15s`."},
	{"XEN_KEEP_ALIVE", "`ssh.keep_alive`", "Time between two probes of an idle connection, such as `15s`."},
	{"XEN_MAX_SESSIONS", "`ssh.max_sessions`", "Sessions at once on one connection."},
	{"XEN_PROGRESS", "", "Where uploads are shown live: `stderr` for the terminal that Terraform runs in, or a file."},
}

const providerDescription = `
Turns plain Xen hosts - a dom0 with ` + "`xl`" + ` and an SSH server, nothing else installed - into a small cloud in OpenNebula's words:
images, contexts, templates and virtual machines. There is no front-end, no daemon and no database: what the provider knows is
stored as files on the hosts.

Nothing is connected to before a resource needs it, so the address of a host may come from another resource. Sizes are in MiB.

A value that a host does not have is taken from ` + "`ssh`" + `, then from the environment, then from ` + "`~/.ssh/config`" + ` (see
` + "`config_files`" + `), then it is the default. With the address in the
environment, an empty ` + "`provider \"xen\" {}`" + ` is enough:

| Variable | Stands for | Meaning |
|---|---|---|
`

func providerMarkdown() string {
	var text strings.Builder
	text.WriteString(providerDescription)
	for _, variable := range environment {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", variable.name, variable.argument, variable.meaning)
	}
	return text.String()
}

func providerSchema() schema.Schema {
	hostAttributes := sshAttributes()
	hostAttributes["address"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Host name or IP address of the SSH server in dom0.",
		Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
	}
	hostAttributes["host_key"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Public key of the host, as it stands in `/etc/ssh/ssh_host_ed25519_key.pub` (`ssh-ed25519 AAAA...`). " +
			"With it no known_hosts file is asked.",
	}
	hostAttributes["datastore"] = schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Absolute path of the folder on the host in which images, records and disks are kept. " +
			"Default `/var/lib/terraform-provider-xen`.",
	}
	return schema.Schema{
		MarkdownDescription: providerMarkdown(),
		Attributes: map[string]schema.Attribute{
			"hosts": schema.MapNestedAttribute{
				Optional: true,
				MarkdownDescription: "The Xen hosts by name. The name is what resources use in `host` and what their ids begin with; " +
					"it must not change while resources stand on the host. Default: one host from `XEN_HOST`.",
				NestedObject: schema.NestedAttributeObject{Attributes: hostAttributes},
				Validators: []validator.Map{
					mapvalidator.SizeAtLeast(1),
					mapvalidator.KeysAre(stringvalidator.RegexMatches(hostNamePattern,
						"letters, digits and the characters . _ - only, beginning with a letter or digit")),
				},
			},
			"default_host": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Name of the host of all resources that name none. Default: the one host, when there is one; " +
					"`XEN_DEFAULT_HOST`.",
			},
			"ssh": schema.SingleNestedAttribute{
				Optional:            true,
				MarkdownDescription: "How hosts are logged in to, for every host that does not say otherwise.",
				Attributes:          sshAttributes(),
			},
			"lock_timeout": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "How long to wait for another operation on the same thing of a host before giving up with an error that " +
					"says who holds it, as a duration such as `30s` or `5m`. Default `5m`; `XEN_LOCK_TIMEOUT`.",
				Validators: []validator.String{durationValidator{}},
			},
		},
	}
}

// sshAttributes are the arguments that stand in ssh and in each host.
func sshAttributes() map[string]schema.Attribute {
	bastion := loginAttributes()
	bastion["address"] = schema.StringAttribute{
		Required:            true,
		MarkdownDescription: "Host name or IP address of the bastion's SSH server, as this machine or the bastion before it reaches it.",
		Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
	}
	bastion["host_key"] = schema.StringAttribute{
		Optional:            true,
		MarkdownDescription: "Public host key of the bastion (`ssh-ed25519 AAAA...`). With it no known_hosts file is asked.",
	}
	bastion["port"] = portAttribute("TCP port of the bastion's SSH server. Default `22`.")
	bastion["password"] = passwordAttribute("Password of the bastion's user; it also answers keyboard-interactive questions. That of the host is not handed on.")
	attributes := loginAttributes()
	maps.Copy(attributes, map[string]schema.Attribute{
		"config_files": schema.ListAttribute{
			Optional:    true,
			ElementType: types.StringType,
			MarkdownDescription: "Files in the form of ssh_config(5), of which the first one that says something is believed. What neither " +
				"the configuration nor the environment says of an address is taken from them: `HostName`, `Port`, `User`, " +
				"`IdentityFile`, `IdentitiesOnly`, `IdentityAgent`, `ProxyJump`, `UserKnownHostsFile`, `GlobalKnownHostsFile`, " +
				"`HostKeyAlias`, `StrictHostKeyChecking` (`no` means `accept-new`), in blocks of `Host` and `Match`, and what `Include` names. A " +
				"`Match` that asks for what cannot be judged here, such as `exec`, does not apply. Other words are passed over, except that a `ProxyCommand` is an error. `[]` reads none. " +
				"Default `~/.ssh/config`; `XEN_CONFIG_FILES`.",
		},
		"bastions": schema.ListNestedAttribute{
			Optional: true,
			MarkdownDescription: "SSH servers by way of which hosts are reached, in the order in which they are passed, like `ProxyJump` of " +
				"ssh_config(5). They need nothing but `AllowTcpForwarding`. What one does not say is as it is said here for the host, except its " +
				"`port` and `password`, and then as ssh_config has it for the bastion. A host with an empty list is reached directly. Default: `ProxyJump` of ssh_config.",
			NestedObject: schema.NestedAttributeObject{Attributes: bastion},
		},
		"sudo": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether to do everything under `sudo -n`, for a `user` other than root, who then needs " +
				"`NOPASSWD` for `sh`. Default `false`; `XEN_SUDO`.",
		},
		"max_sessions": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "SSH sessions at once on the one connection to a host, at least 2; the server's limit is `MaxSessions` of " +
				"sshd_config(5), 10 by default. Default `8`; `XEN_MAX_SESSIONS`.",
			Validators: []validator.Int64{int64validator.AtLeast(2)},
		},
	})
	return attributes
}

// loginAttributes are the arguments that stand in ssh, in each host and in each bastion.
func loginAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"port": portAttribute("TCP port of the SSH server. Default `22`; `XEN_PORT`."),
		"user": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "User to log in as. Others than root need `sudo`. Default `root`; `XEN_USER`.",
		},
		"private_key_file": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "Path of a private key on this machine; it may begin with `~/`. Default: `~/.ssh/id_ed25519`, " +
				"`id_ecdsa` and `id_rsa`; `XEN_PRIVATE_KEY_FILE`.",
		},
		"private_key": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: "Text of a private key. `XEN_PRIVATE_KEY`.",
		},
		"private_key_passphrase": schema.StringAttribute{
			Optional:            true,
			Sensitive:           true,
			MarkdownDescription: "Passphrase of an encrypted private key. `XEN_PRIVATE_KEY_PASSPHRASE`.",
		},
		"password": passwordAttribute("Password of the user; it also answers keyboard-interactive questions. `XEN_PASSWORD`."),
		"agent": schema.BoolAttribute{
			Optional: true,
			MarkdownDescription: "Whether to use the keys of the SSH agent. Default: when `SSH_AUTH_SOCK` is set, or `IdentityAgent` of " +
				"ssh_config names one; `XEN_AGENT`.",
		},
		"known_hosts_files": schema.ListAttribute{
			Optional:            true,
			ElementType:         types.StringType,
			MarkdownDescription: "Files with the keys of known hosts. Default `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`; `XEN_KNOWN_HOSTS_FILES`.",
		},
		"host_key_policy": schema.StringAttribute{
			Optional: true,
			MarkdownDescription: "What to do about host keys: `strict` takes known ones only, `accept-new` records unknown ones in the first of " +
				"`known_hosts_files` and refuses changed ones, `insecure` takes any. Default `strict`; `XEN_HOST_KEY_POLICY`.",
			Validators: []validator.String{stringvalidator.OneOf("strict", "accept-new", "insecure")},
		},
		"connect_timeout": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Time for connecting and logging in, as a duration. Default `15s`; `XEN_CONNECT_TIMEOUT`.",
			Validators:          []validator.String{durationValidator{}},
		},
		"keep_alive": schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: "Time between two probes of an idle connection, as a duration. Default `15s`; `XEN_KEEP_ALIVE`.",
			Validators:          []validator.String{durationValidator{}},
		},
	}
}

func portAttribute(description string) schema.Int64Attribute {
	return schema.Int64Attribute{Optional: true, MarkdownDescription: description, Validators: []validator.Int64{int64validator.Between(1, 65535)}}
}

func passwordAttribute(description string) schema.StringAttribute {
	return schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: description}
}
