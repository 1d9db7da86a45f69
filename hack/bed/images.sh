#!/usr/bin/env bash
# Builds the bed's images into the local Docker engine, from Debian packages and the cached binaries; nothing is pulled.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/versions.env"
cache=$HOME/.cache/raworc-bed
export DOCKER_BUILDKIT=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# current IMAGE FOLDER: true when the image was built from this folder's files and these versions
stamp() { { cat "$here/versions.env" "$here/images.sh"; find "$here/images/$1" -type f | sort | xargs cat; } | sha256sum | cut -c1-16; }
current() { [ "$(docker image inspect -f '{{index .Config.Labels "raworc.bed"}}' "$1" 2>/dev/null)" = "$(stamp "$2")" ]; }
# image NAME FOLDER [FLAG…]: builds $work/FOLDER, which starts as a copy of images/FOLDER
context() { cp -r "$here/images/$1" "$work/$1"; }
image() { docker build -q --network host --label "raworc.bed=$(stamp "$2")" -t "$1" "${@:3}" "$work/$2" 2>/dev/null; }

for suite in bookworm trixie; do
  docker image inspect debian:$suite-slim >/dev/null 2>&1 && continue
  echo "debian:$suite-slim" >&2
  debootstrap --variant=minbase $suite "$work/$suite" >"$work/debootstrap.log" || { tail "$work/debootstrap.log" >&2; exit 1; }
  rm -rf "$work/$suite"/{var/cache/apt/archives/*.deb,var/lib/apt/lists/*,usr/share/doc/*,usr/share/locale/*,usr/share/man/*}
  tar -C "$work/$suite" -c . | docker import --change 'CMD ["bash"]' - debian:$suite-slim >/dev/null
  rm -rf "${work:?}/$suite"
done

if ! current raworc-bed/registry:$REGISTRY_VERSION registry; then
  context registry; cp "$cache/registry-$REGISTRY_VERSION" "$work/registry/registry"
  image raworc-bed/registry:$REGISTRY_VERSION registry
fi
if ! current raworc-bed/kaniko:$KANIKO_VERSION kaniko; then
  context kaniko; cp "$cache/kaniko-$KANIKO_VERSION" "$work/kaniko/kaniko"
  cp /etc/ssl/certs/ca-certificates.crt "$work/kaniko/"
  image raworc-bed/kaniko:$KANIKO_VERSION kaniko
fi
if ! current raworc-bed/mysql:9 mysql; then
  context mysql
  image raworc-bed/mysql:9 mysql
fi

node=raworc-bed/node:v$KUBERNETES_VERSION
if ! current raworc-bed/node-base node-base || ! current raworc-bed/kubernetes kubernetes || ! docker image inspect $node >/dev/null 2>&1; then
  echo "$node" >&2
  kind_source=$(cd "$work" && go mod download -json "sigs.k8s.io/kind@v$KIND_VERSION" | jq -r .Dir)
  context node-base; mkdir "$work/node-base"/{bin,cni}
  cp -r "$kind_source/images/base/files" "$work/node-base/kind"; chmod -R u+w "$work/node-base/kind"
  for part in containerd containerd-shim-runc-v2 ctr; do cp "$cache/$part-$CONTAINERD_VERSION" "$work/node-base/bin/$part"; done
  cp "$cache/runc-$RUNC_VERSION" "$work/node-base/bin/runc"
  for part in host-local loopback ptp portmap; do cp "$cache/cni-$part-$CNI_VERSION" "$work/node-base/cni/$part"; done
  image raworc-bed/node-base node-base

  context kubernetes; mkdir "$work/kubernetes/bin"
  cp "$cache/hyperkube-$KUBERNETES_VERSION" "$work/kubernetes/bin/hyperkube"
  cp "$cache/coredns-$COREDNS_VERSION" "$work/kubernetes/bin/coredns"
  cp "$cache/local-path-provisioner-$LOCAL_PATH_VERSION" "$work/kubernetes/bin/local-path-provisioner"
  gcc -static -Os -s -o "$work/kubernetes/pause" "$work/kubernetes/pause.c"
  image raworc-bed/kubernetes kubernetes --target parts
  for target in coredns kindnetd pause; do image raworc-bed/$target kubernetes --target $target; done

  # kind builds its node image out of a Kubernetes release: three binaries and four image archives.
  release=$work/kubernetes-release/kubernetes; mkdir -p "$release/server/bin"
  echo "v$KUBERNETES_VERSION" > "$release/version"
  for part in kubeadm kubelet kubectl; do cp "$work/kubernetes/bin/hyperkube" "$release/server/bin/$part"; done
  python3 "$here/archives.py" "$kind_source" "$work/kubernetes/bin/hyperkube" "$KUBERNETES_VERSION" "$release/server/bin"
  tar -C "$work/kubernetes-release" -I 'gzip -1' -cf "$work/release.tar.gz" kubernetes
  kind=$cache/kind-$KIND_VERSION
  "$kind" build node-image "$work/release.tar.gz" --type file --base-image raworc-bed/node-base --image $node >"$work/kind.log" 2>&1 ||
    { tail -30 "$work/kind.log" >&2; exit 1; }
fi
docker image ls --filter reference='raworc-bed/*' --format '{{.Repository}}:{{.Tag}} {{.Size}}'
