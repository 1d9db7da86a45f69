//go:build tools

// Package tools names what is compiled as it is, so that go.mod knows it. It is one module with the commands beside it: what
// they share, above all Kubernetes' client, is compiled once.
package tools

import (
	_ "github.com/chainguard-dev/kaniko/cmd/executor"
	_ "github.com/containernetworking/plugins/plugins/ipam/host-local"
	_ "github.com/containernetworking/plugins/plugins/main/loopback"
	_ "github.com/containernetworking/plugins/plugins/main/ptp"
	_ "github.com/containernetworking/plugins/plugins/meta/portmap"
	_ "github.com/rancher/local-path-provisioner"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "sigs.k8s.io/kind"
)
