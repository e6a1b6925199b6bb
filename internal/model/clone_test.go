package model_test

import (
	"slices"
	"testing"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

func TestMethods(t *testing.T) {
	raw, qcow2 := model.Image{Type: model.ImageOS, Format: model.FormatRaw}, model.Image{Type: model.ImageOS, Format: model.FormatQcow2}
	persistent, cdrom := raw, model.Image{Type: model.ImageCDROM, Format: model.FormatRaw}
	persistent.Persistent = true
	for name, test := range map[string]struct {
		disk  model.Disk
		image model.Image
		want  []model.CloneMethod // nil: refused
	}{
		"nothing said, raw":   {model.Disk{ImageID: ptr(1)}, raw, []model.CloneMethod{model.MethodReflink, model.MethodCopy}},
		"auto, raw":           {model.Disk{ImageID: ptr(1), Clone: model.CloneAuto}, raw, []model.CloneMethod{model.MethodReflink, model.MethodCopy}},
		"auto, qcow2":         {model.Disk{ImageID: ptr(1), Clone: model.CloneAuto}, qcow2, []model.CloneMethod{model.MethodReflink, model.MethodOverlay}},
		"copy, qcow2":         {model.Disk{ImageID: ptr(1), Clone: model.CloneCopy}, qcow2, []model.CloneMethod{model.MethodReflink, model.MethodCopy}},
		"overlay, raw":        {model.Disk{ImageID: ptr(1), Clone: model.CloneOverlay}, raw, []model.CloneMethod{model.MethodOverlay}},
		"auto, persistent":    {model.Disk{ImageID: ptr(1), Clone: model.CloneAuto}, persistent, []model.CloneMethod{model.MethodInPlace}},
		"copy, persistent":    {model.Disk{ImageID: ptr(1), Clone: model.CloneCopy}, persistent, nil},
		"overlay, persistent": {model.Disk{ImageID: ptr(1), Clone: model.CloneOverlay}, persistent, nil},
		"auto, CDROM":         {model.Disk{ImageID: ptr(1)}, cdrom, []model.CloneMethod{model.MethodInPlace}},
		"overlay, CDROM":      {model.Disk{ImageID: ptr(1), Clone: model.CloneOverlay}, cdrom, nil},
		"volatile":            {model.Disk{Volatile: "swap"}, model.Image{}, []model.CloneMethod{model.MethodMade}},
	} {
		got, refusal := test.disk.Methods("xvda", test.image)
		if !slices.Equal(got, test.want) || (test.want == nil) != (refusal != nil) {
			t.Errorf("%s: %v, refused: %v", name, got, refusal)
		}
		if refusal != nil && refusal.Field != "disks.xvda.clone" {
			t.Errorf("%s: refused is %s", name, refusal.Field)
		}
	}
}

func TestAllows(t *testing.T) {
	all := []model.CloneMethod{model.MethodReflink, model.MethodCopy, model.MethodOverlay}
	for clone, want := range map[model.Clone][]model.CloneMethod{
		"":                 all,
		model.CloneAuto:    all,
		model.CloneCopy:    {model.MethodReflink, model.MethodCopy},
		model.CloneOverlay: {model.MethodOverlay},
	} {
		for _, method := range all {
			if got := clone.Allows(method); got != slices.Contains(want, method) {
				t.Errorf("%q allows %s: %t", clone, method, got)
			}
		}
	}
}
