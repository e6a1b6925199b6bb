package provider

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

type contextModel struct {
	ID            types.String   `tfsdk:"id"`
	Host          types.String   `tfsdk:"host"`
	Name          types.String   `tfsdk:"name"`
	Variables     types.Map      `tfsdk:"variables"`
	VariablesWO   types.Map      `tfsdk:"variables_wo"`
	SSHPublicKeys types.List     `tfsdk:"ssh_public_keys"`
	StartScript   types.String   `tfsdk:"start_script"`
	Files         types.Map      `tfsdk:"files"`
	Network       types.Bool     `tfsdk:"network"`
	Labels        types.Map      `tfsdk:"labels"`
	Timeouts      timeouts.Value `tfsdk:"timeouts"`
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
		Name:          m.Name.ValueString(),
		Variables:     stringMap(m.Variables),
		Secrets:       stringMap(m.VariablesWO),
		SSHPublicKeys: stringList(m.SSHPublicKeys),
		StartScript:   m.StartScript.ValueString(),
		Network:       m.Network.ValueBool(),
		Labels:        stringMap(m.Labels),
	}
	for name, file := range elements[contextFileModel](ctx, m.Files, diags) {
		if spec.Files == nil {
			spec.Files = map[string]model.ContextFile{}
		}
		spec.Files[name] = model.ContextFile{Name: name, Executable: file.Executable.ValueBool()}
	}
	return spec
}

// readFiles fills in the content of the files. What is not known yet stays empty.
func (m contextModel) readFiles(ctx context.Context, diags *diag.Diagnostics) map[string]model.ContextFile {
	files := map[string]model.ContextFile{}
	for name, file := range elements[contextFileModel](ctx, m.Files, diags) {
		content, err := file.read()
		if err != nil {
			addErrorAt(diags, path.Root("files").AtMapKey(name).AtName("source"), "Unable to read a file of the context", err.Error())
		}
		digest := sha256.Sum256(content)
		files[name] = model.ContextFile{
			Name: name, Executable: file.Executable.ValueBool(), Content: content,
			Bytes: int64(len(content)), SHA256: hex.EncodeToString(digest[:]),
		}
	}
	return files
}

func (f contextFileModel) read() ([]byte, error) {
	if f.Source.ValueString() == "" {
		return []byte(f.Content.ValueString()), nil
	}
	content, err := os.ReadFile(f.Source.ValueString())
	if err != nil {
		return nil, fmt.Errorf("%w: is the path right, seen from where terraform runs?", err)
	}
	return content, nil
}

// fromRecord is the model as the host knows it. Where m says the same in other words, its words are kept.
func (m contextModel) fromRecord(ctx context.Context, record model.Context, diags *diag.Diagnostics) contextModel {
	m.ID = types.StringValue(record.Ref().String())
	m.Host = types.StringValue(record.Host)
	m.Name = types.StringValue(record.Name)
	m.Variables = keepMap(ctx, m.Variables, record.Variables, diags)
	m.VariablesWO = types.MapNull(types.StringType)
	m.SSHPublicKeys = keepList(ctx, m.SSHPublicKeys, record.SSHPublicKeys, diags)
	m.StartScript = keepString(m.StartScript, record.StartScript)
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
	m.VariablesWO = types.MapNull(types.StringType)
	return m
}
