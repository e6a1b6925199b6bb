package engine

import (
	"context"
	"errors"

	"github.com/onexen/terraform-provider-xen/internal/model"
)

// Images lists the images of a host in the order of their numbers: those of one type, or all when it is empty.
func (e *Engine) Images(ctx context.Context, hostName string, only model.ImageType) ([]model.Image, error) {
	_, v, err := e.viewOn(ctx, hostName)
	if err != nil {
		return nil, err
	}
	var images []model.Image
	for _, id := range v.numbers(model.KindImage) {
		image, err := v.image(id)
		if err != nil {
			return nil, err
		}
		if only == "" || image.Type == only {
			images = append(images, image)
		}
	}
	return images, nil
}

// VirtualMachines lists the virtual machines of a host in the order of their numbers.
func (e *Engine) VirtualMachines(ctx context.Context, hostName string) ([]model.VirtualMachine, error) {
	_, v, err := e.viewOn(ctx, hostName)
	if err != nil {
		return nil, err
	}
	var vms []model.VirtualMachine
	for _, id := range v.numbers(model.KindVirtualMachine) {
		vm, err := e.VirtualMachine(ctx, model.Ref{Host: hostName, ID: id})
		switch {
		case errors.Is(err, ErrAbsent): // gone since
		case err != nil:
			return nil, err
		default:
			vms = append(vms, vm)
		}
	}
	return vms, nil
}
