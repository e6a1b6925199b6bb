package provider

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// privateState is the part of Terraform's private state that resources use.
type privateState interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// fingerprint stands in the private state for a secret: it tells whether the secret changed, and nothing else about it.
type fingerprint struct {
	Salt []byte `json:"salt"`
	HMAC []byte `json:"hmac"`
}

func newFingerprint(secret any) (fingerprint, error) {
	f := fingerprint{Salt: make([]byte, sha256.Size)}
	_, _ = rand.Read(f.Salt) // never fails
	var err error
	f.HMAC, err = f.sum(secret)
	return f, err
}

func (f fingerprint) sum(secret any) ([]byte, error) {
	text, err := json.Marshal(secret) // maps in the order of their keys
	mac := hmac.New(sha256.New, f.Salt)
	mac.Write(text)
	return mac.Sum(nil), err
}

// secretChanged tells whether the secret differs from the remembered one. Without one to compare with it did not change.
func secretChanged(ctx context.Context, private privateState, key string, secret any) (bool, diag.Diagnostics) {
	text, diags := private.GetKey(ctx, key)
	if diags.HasError() || text == nil {
		return false, diags
	}
	var remembered fingerprint
	err := json.Unmarshal(text, &remembered)
	if err == nil {
		var sum []byte
		if sum, err = remembered.sum(secret); err == nil {
			return !hmac.Equal(sum, remembered.HMAC), diags
		}
	}
	diags.AddError("Unable to compare a secret with the one applied before", err.Error())
	return false, diags
}

// rememberSecret keeps the fingerprint of the secret that stands on the host. One that did not change keeps its fingerprint, so that
// refreshing changes nothing.
func rememberSecret(ctx context.Context, private privateState, key string, secret any) diag.Diagnostics {
	text, diags := private.GetKey(ctx, key)
	if changed, d := secretChanged(ctx, private, key, secret); d.HasError() || text != nil && !changed {
		return append(diags, d...)
	}
	f, err := newFingerprint(secret)
	if err == nil {
		if text, err = json.Marshal(f); err == nil {
			return append(diags, private.SetKey(ctx, key, text)...)
		}
	}
	diags.AddError("Unable to remember a secret", err.Error())
	return diags
}
