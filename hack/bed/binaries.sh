#!/usr/bin/env bash
# binaries.sh [NAME…]: has every binary that the bed needs, or those named, in the store: unpacked from $RAWORC_BED_CACHE where
# they are there, else compiled with Go, with a line for each that says how long it takes.
set -euo pipefail
source "$(dirname "$0")/../env.sh"
source "$root/hack/bed/tests.env"
here=$root/hack/bed
given=${RAWORC_BED_CACHE:-$bed}

# Name, version, package, minutes or seconds of two idle cores. The order matters: each time is what is left to compile after
# the lines above it, as most of them share Kubernetes' packages.
kubernetes=k8s.io/kubernetes/cmd
containerd=github.com/containerd/containerd/v2/cmd
cni=github.com/containernetworking/plugins/plugins
known="\
hyperkube $KUBERNETES_VERSION ./hyperkube 9 min
coredns $COREDNS_VERSION ./coredns 20 s
local-path-provisioner $LOCAL_PATH_VERSION github.com/rancher/local-path-provisioner 5 s
kaniko $KANIKO_VERSION github.com/chainguard-dev/kaniko/cmd/executor 20 s
registry $REGISTRY_VERSION ./registry 20 s
containerd $CONTAINERD_VERSION $containerd/containerd 2 min
containerd-shim-runc-v2 $CONTAINERD_VERSION $containerd/containerd-shim-runc-v2 5 s
ctr $CONTAINERD_VERSION $containerd/ctr 10 s
helm $HELM_VERSION helm.sh/helm/v3/cmd/helm 1 min
kind $KIND_VERSION sigs.k8s.io/kind 10 s
cni-host-local $CNI_VERSION $cni/ipam/host-local 5 s
cni-loopback $CNI_VERSION $cni/main/loopback 5 s
cni-portmap $CNI_VERSION $cni/meta/portmap 5 s
cni-ptp $CNI_VERSION $cni/main/ptp 5 s
runc $RUNC_VERSION github.com/opencontainers/runc 20 s
"
# Compiled only when it is named: kubectl alone, where the machine needs no other part of Kubernetes, and what tests need.
named="\
kubectl $KUBERNETES_VERSION $kubernetes/kubectl 2 min
skipper $SKIPPER_VERSION github.com/zalando/skipper/cmd/skipper 3 min
"
GO_VERSION=1.26.8
declare -A GO_DIGEST=(
  [x86_64]="amd64 30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7"
  [aarch64]="arm64 02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99"
)

# of NAME: the line of a binary
of() { grep -m 1 "^$1 " <<<"$known$named" || { echo "the bed knows no binary '$1'" >&2; return 1; }; }

# toolchain: has a Go that is new enough: this machine's, or the one that the Go project publishes as a module
toolchain() {
  local machine digest zip
  if has_go || [ -x "$bed/go-$GO_VERSION/bin/go" ]; then return; fi
  packages ca-certificates curl unzip
  read -r machine digest <<<"${GO_DIGEST[$(uname -m)]}"
  zip=$bed/go.zip
  curl -fsSLo "$zip" "https://proxy.golang.org/golang.org/toolchain/@v/v0.0.1-go$GO_VERSION.linux-$machine.zip"
  echo "$digest  $zip" | sha256sum --check --quiet
  rm -rf "$bed/go.part"
  unzip -q "$zip" -d "$bed/go.part"
  chmod -R +x "$bed"/go.part/golang.org/toolchain*/{bin,pkg/tool}
  mv "$bed"/go.part/golang.org/toolchain* "$bed/go-$GO_VERSION"
  rm -r "$zip" "$bed/go.part"
}
has_go() {
  local found
  found=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null) &&
    [ "$(printf '%s\n' "$found" "go$GO_VERSION" | sort -V | head -1)" = "go$GO_VERSION" ]
}

# compile NAME: compiles one binary into the store
compile() {
  local name version package folder=. cgo=0 flags="-s -w" work
  read -r name version package _ <<<"$(of "$1")"
  has_go || export PATH=$bed/go-$GO_VERSION/bin:$PATH
  export GOFLAGS="-trimpath -buildvcs=false" GOTOOLCHAIN=local
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now
  trap "chmod -R u+w '$work'; rm -rf '$work'" EXIT
  cp -r "$here/go/." "$work"
  case $name in
    runc) cgo=1 folder=runc; packages gcc libc6-dev libseccomp-dev pkg-config ;;
    skipper) folder=skipper ;;
    # These want a newer client of Kubernetes than the cluster's own.
    containerd* | ctr | helm) folder=newer ;;
    hyperkube | kubectl) flags+=$(kubernetes_version) ;;
  esac
  if [ $folder = . ]; then kaniko_source "$work/kaniko"; fi
  CGO_ENABLED=$cgo go build -C "$work/$folder" -tags seccomp -ldflags "$flags" -o "$bed/$name-$version.part" "$package"
  mv "$bed/$name-$version.part" "$bed/$name-$version"
}
# kaniko_source FOLDER: puts Kaniko's source beside the two packages that are replaced, as they bring the clients of five clouds
kaniko_source() {
  local source
  source=$(cd "$1" && GOFLAGS='' go mod download -json "github.com/chainguard-dev/kaniko@v$KANIKO_VERSION" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
  cp -r --no-preserve=mode "$source/." "$1"
  rm -r "$1"/pkg/{buildcontext/[!d]*,creds/*,util/bucket}
  mv "$1/buildcontext.go" "$1/pkg/buildcontext/"
  mv "$1/creds.go" "$1/pkg/creds/"
}
kubernetes_version() {
  local base=k8s.io/component-base/version major minor
  IFS=. read -r major minor _ <<<"$KUBERNETES_VERSION"
  printf ' -X %s' "$base.gitVersion=v$KUBERNETES_VERSION" "$base.gitMajor=$major" "$base.gitMinor=$minor" \
    "k8s.io/client-go/pkg/version.gitVersion=v$KUBERNETES_VERSION"
}

# unpack NAME-VERSION…: unpacks binaries of the given cache into the store
unpack() {
  for binary in "$@"; do
    xz -dc "$given/$binary.xz" >"$bed/$binary.part"
    chmod +x "$bed/$binary.part"
    mv "$bed/$binary.part" "$bed/$binary"
  done
}

case ${1:-} in
  --toolchain) toolchain; exit ;;
  --compile | --unpack) "${1#--}" "${@:2}"; exit ;;
esac
mkdir -p "$bed"
packed=() missing=()
if [ $# = 0 ]; then mapfile -t wanted < <(cut -d' ' -f1 <<<"${known%$'\n'}"); else wanted=("$@"); fi
for name in "${wanted[@]}"; do
  read -r _ version _ <<<"$(of "$name")"
  if [ -x "$bed/$name-$version" ]; then continue; fi
  if [ -e "$given/$name-$version.xz" ]; then packed+=("$name-$version"); else missing+=("$name"); fi
done
if planning; then
  if [ ${#packed[@]} -gt 0 ]; then echo "unpack ${#packed[@]} binaries out of $given into $bed"; fi
  if [ ${#missing[@]} -gt 0 ] && ! has_go; then echo "fetch Go $GO_VERSION into $bed"; fi
  for name in "${missing[@]}"; do
    read -r _ version _ time <<<"$(of "$name")"
    echo "compile ${name/hyperkube/Kubernetes} $version into $bed, about $time"
  done
  exit
fi
if [ ${#packed[@]} -gt 0 ]; then step "${#packed[@]} binaries out of $given" "$0" --unpack "${packed[@]}"; fi
if [ ${#missing[@]} -gt 0 ] && ! has_go && [ ! -d "$bed/go-$GO_VERSION" ]; then step "Go $GO_VERSION" "$0" --toolchain; fi
for name in "${missing[@]}"; do
  read -r _ version _ time <<<"$(of "$name")"
  step "${name/hyperkube/Kubernetes} $version, compiled, about $time" "$0" --compile "$name"
done
