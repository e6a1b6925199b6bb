// Package model holds the things the engine works with: images, templates, contexts, virtual machines and what a host is,
// their states, the rules their values must follow, and their JSON as it is stored on a host. It does nothing itself.
package model
