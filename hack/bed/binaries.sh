#!/usr/bin/env bash
# Fills the store with every binary that the bed needs, or with those named: unpacked from $RAWORC_BED_CACHE where they
# lie there, else built with Go.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/versions.env"
source "$here/tests.env"
cache=$HOME/.cache/raworc-bed
given=${RAWORC_BED_CACHE:-$cache}
mkdir -p "$cache"
export CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false" GOTOOLCHAIN=local

wanted=" $* "
# have NAME VERSION: true when the cache holds it, after unpacking it from the given cache if that is possible; true also
# for what nobody asked for
have() {
  [[ $wanted == "  " || $wanted == *" $1 "* ]] || return 0
  [ -x "$cache/$1-$2" ] && return
  if [ -e "$given/$1-$2.xz" ]; then
    xz -dc "$given/$1-$2.xz" > "$cache/$1-$2.part" && chmod +x "$cache/$1-$2.part" && mv "$cache/$1-$2.part" "$cache/$1-$2"
  else
    echo "building $1 $2" >&2
    return 1
  fi
}
# installed NAME VERSION MODULE: builds a command of a module that needs nothing of ours
installed() {
  have "$1" "$2" && return
  local bin; bin=$(mktemp -d)
  GOBIN=$bin go install -ldflags "-s -w" "$3@v$2"
  mv "$bin"/* "$cache/$1-$2" && rmdir "$bin"
}
# built NAME VERSION FOLDER PACKAGE [FLAG…]: builds a package with the go.mod and go.sum of a folder here
built() {
  have "$1" "$2" && return
  local name=$1 version=$2 folder=$3 package=$4; shift 4
  go build -C "$here/go/$folder" -mod=mod "$@" -o "$cache/$name-$version" "$package"
}

k=v$KUBERNETES_VERSION
built hyperkube "$KUBERNETES_VERSION" hyperkube . -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$k -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$(cut -d. -f2 <<<"$k") -X k8s.io/client-go/pkg/version.gitVersion=$k"
built kaniko "$KANIKO_VERSION" kaniko github.com/chainguard-dev/kaniko/cmd/executor -ldflags "-s -w"
have runc "$RUNC_VERSION" || {
  apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev libseccomp-dev pkg-config >/dev/null
  CGO_ENABLED=1 built runc "$RUNC_VERSION" runc github.com/opencontainers/runc -tags seccomp -ldflags "-s -w"
}
installed kind "$KIND_VERSION" sigs.k8s.io/kind
installed helm "$HELM_VERSION" helm.sh/helm/v3/cmd/helm
installed containerd "$CONTAINERD_VERSION" github.com/containerd/containerd/v2/cmd/containerd
installed containerd-shim-runc-v2 "$CONTAINERD_VERSION" github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
installed ctr "$CONTAINERD_VERSION" github.com/containerd/containerd/v2/cmd/ctr
for plugin in ipam/host-local main/loopback main/ptp meta/portmap; do
  installed "cni-${plugin#*/}" "$CNI_VERSION" "github.com/containernetworking/plugins/plugins/$plugin"
done
installed coredns "$COREDNS_VERSION" github.com/coredns/coredns
installed local-path-provisioner "$LOCAL_PATH_VERSION" github.com/rancher/local-path-provisioner
installed registry "$REGISTRY_VERSION" github.com/distribution/distribution/v3/cmd/registry
# No cluster needs this one: it is built only when it is named.
if [[ $wanted == *" skipper "* ]]; then
  built skipper "$SKIPPER_VERSION" skipper github.com/zalando/skipper/cmd/skipper -ldflags "-s -w"
fi
