package provider

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

type contextModel struct {
	ID                types.String   `tfsdk:"id"`
	Host              types.String   `tfsdk:"host"`
	Name              types.String   `tfsdk:"name"`
	Variables         types.Map      `tfsdk:"variables"`
	VariablesWO       types.Map      `tfsdk:"variables_wo"`
	Format            types.String   `tfsdk:"format"`
	Hostname          types.String   `tfsdk:"hostname"`
	HostnameFromName  types.Bool     `tfsdk:"hostname_from_name"`
	User              types.String   `tfsdk:"user"`
	PasswordWO        types.String   `tfsdk:"password_wo"`
	CryptedPasswordWO types.String   `tfsdk:"crypted_password_wo"`
	SSHPublicKeys     types.List     `tfsdk:"ssh_public_keys"`
	StartScript       types.String   `tfsdk:"start_script"`
	DNS               types.List     `tfsdk:"dns"`
	SearchDomain      types.String   `tfsdk:"search_domain"`
	TimeZone          types.String   `tfsdk:"time_zone"`
	GrowRootFS        types.Bool     `tfsdk:"grow_rootfs"`
	Swap              types.Bool     `tfsdk:"swap"`
	UserData          types.String   `tfsdk:"user_data"`
	Files             types.Map      `tfsdk:"files"`
	Network           types.Bool     `tfsdk:"network"`
	Labels            types.Map      `tfsdk:"labels"`
	Timeouts          timeouts.Value `tfsdk:"timeouts"`
}

type contextFileModel struct {
	Content    types.String `tfsdk:"content"`
	Source     types.String `tfsdk:"source"`
	Executable types.Bool   `tfsdk:"executable"`
	SHA256     types.String `tfsdk:"sha256"`
}

var contextFileType = types.ObjectType{AttrTypes: map[string]attr.Type{
	"content": types.StringType, "source": types.StringType, "executable": types.BoolType, "sha256": types.StringType,
}}

// toSpec is what the engine is asked for, without the content of files. The secrets stand in the configuration only.
func (m contextModel) toSpec(ctx context.Context, diags *diag.Diagnostics) model.ContextSpec {
	spec := model.ContextSpec{
		ContextSettings: m.settings(),
		Name:            m.Name.ValueString(),
		Variables:       stringMap(m.Variables),
		Secrets:         stringMap(m.VariablesWO),
		Password:        m.PasswordWO.ValueString(),
		CryptedPassword: m.CryptedPasswordWO.ValueString(),
		Network:         m.Network.ValueBool(),
		Labels:          stringMap(m.Labels),
	}
	for name, file := range elements[contextFileModel](ctx, m.Files, diags) {
		if spec.Files == nil {
			spec.Files = map[string]model.ContextFile{}
		}
		spec.Files[name] = model.ContextFile{Name: name, Executable: file.Executable.ValueBool()}
	}
	return spec
}

func (m contextModel) settings() model.ContextSettings {
	return model.ContextSettings{
		Format:           model.ContextFormat(m.Format.ValueString()),
		Hostname:         m.Hostname.ValueString(),
		HostnameFromName: m.HostnameFromName.ValueBool(),
		User:             m.User.ValueString(),
		SSHPublicKeys:    stringList(m.SSHPublicKeys),
		StartScript:      m.StartScript.ValueString(),
		DNS:              stringList(m.DNS),
		SearchDomain:     m.SearchDomain.ValueString(),
		TimeZone:         m.TimeZone.ValueString(),
		GrowRootFS:       known(m.GrowRootFS, types.BoolNull()).ValueBoolPointer(),
		Swap:             known(m.Swap, types.BoolNull()).ValueBoolPointer(),
		UserData:         m.UserData.ValueString(),
	}
}

// readFiles reads what the files are. What is not known yet counts as empty.
func (m contextModel) readFiles(ctx context.Context, diags *diag.Diagnostics) map[string]model.ContextFile {
	files := map[string]model.ContextFile{}
	for name, file := range elements[contextFileModel](ctx, m.Files, diags) {
		size, digest, err := file.measure()
		if err != nil {
			addErrorAt(diags, path.Root("files").AtMapKey(name).AtName("source"), "Unable to read a file of the context", err.Error())
		}
		files[name] = model.ContextFile{Name: name, Executable: file.Executable.ValueBool(), Bytes: size, SHA256: digest, Open: file.open}
	}
	return files
}

func (f contextFileModel) open() (io.ReadCloser, error) {
	if f.Source.ValueString() == "" {
		return io.NopCloser(strings.NewReader(f.Content.ValueString())), nil
	}
	content, err := os.Open(f.Source.ValueString())
	if err != nil {
		return nil, fmt.Errorf("%w: is the path right, seen from where terraform runs?", err)
	}
	return content, nil
}

// measure reads the file once, for its length and its checksum.
func (f contextFileModel) measure() (size int64, digest string, err error) {
	content, err := f.open()
	if err != nil {
		return 0, "", err
	}
	defer content.Close()
	sum := sha256.New()
	size, err = io.Copy(sum, content)
	return size, hex.EncodeToString(sum.Sum(nil)), err
}

// fromRecord is the model as the host knows it. Where m says the same in other words, its words are kept.
func (m contextModel) fromRecord(ctx context.Context, record model.Context, diags *diag.Diagnostics) contextModel {
	m.ID = types.StringValue(record.Ref().String())
	m.Host = types.StringValue(record.Host)
	m.Name = types.StringValue(record.Name)
	m.Variables = keepMap(ctx, m.Variables, record.Variables, diags)
	m.VariablesWO = types.MapNull(types.StringType)
	m.PasswordWO, m.CryptedPasswordWO = types.StringNull(), types.StringNull()
	m = m.fromSettings(ctx, record.ContextSettings, diags)
	m.Network = types.BoolValue(record.Network)
	m.Labels = keepMap(ctx, m.Labels, record.Labels, diags)
	files := map[string]contextFileModel{}
	for _, file := range record.Files {
		files[file.Name] = contextFileModel{Executable: types.BoolValue(file.Executable), SHA256: types.StringValue(file.SHA256)}
	}
	if len(files) > 0 || len(m.Files.Elements()) > 0 || m.Files.IsNull() {
		m.Files = filesValue(ctx, files, diags)
	}
	return m
}

func (m contextModel) fromSettings(ctx context.Context, s model.ContextSettings, diags *diag.Diagnostics) contextModel {
	m.Format = types.StringValue(string(cmp.Or(s.Format, model.ContextOpenNebula)))
	m.Hostname = keepString(m.Hostname, s.Hostname)
	m.HostnameFromName = types.BoolValue(s.HostnameFromName)
	m.User = keepString(m.User, s.User)
	m.SSHPublicKeys = keepList(ctx, m.SSHPublicKeys, s.SSHPublicKeys, diags)
	m.StartScript = keepString(m.StartScript, s.StartScript)
	m.DNS = keepList(ctx, m.DNS, s.DNS, diags)
	m.SearchDomain = keepString(m.SearchDomain, s.SearchDomain)
	m.TimeZone = keepString(m.TimeZone, s.TimeZone)
	m.GrowRootFS, m.Swap = types.BoolPointerValue(s.GrowRootFS), types.BoolPointerValue(s.Swap)
	m.UserData = keepString(m.UserData, s.UserData)
	return m
}

func filesValue(ctx context.Context, files map[string]contextFileModel, diags *diag.Diagnostics) types.Map {
	if len(files) == 0 {
		return types.MapNull(contextFileType)
	}
	value, d := types.MapValueFrom(ctx, contextFileType, files)
	diags.Append(d...)
	return value
}

// reserved is what may be said of a context while its files are on the way.
func (m contextModel) reserved(record model.Context) contextModel {
	m.ID = types.StringValue(record.Ref().String())
	m.Host = types.StringValue(record.Host)
	m.Name = types.StringValue(record.Name)
	m.VariablesWO, m.PasswordWO, m.CryptedPasswordWO = types.MapNull(types.StringType), types.StringNull(), types.StringNull()
	return m
}
