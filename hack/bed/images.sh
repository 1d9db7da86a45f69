#!/usr/bin/env bash
# images.sh: has every image of the bed in the Docker engine, made from Debian packages and the binaries of the store, with a line
# for each that says how long it takes; nothing is pulled.
set -euo pipefail
source "$(dirname "$0")/../env.sh"
here=$root/hack/bed
store=$bed

# What is made, in order, and minutes or seconds of two idle cores.
known="\
debian-bookworm debian:bookworm-slim 30 s
debian-trixie debian:trixie-slim 30 s
registry raworc-bed/registry:$REGISTRY_VERSION 5 s
kaniko raworc-bed/kaniko:$KANIKO_VERSION 5 s
mysql raworc-bed/mysql:9 1 min
node-base raworc-bed/node-base 1 min
kubernetes raworc-bed/kubernetes 10 s
node raworc-bed/node:v$KUBERNETES_VERSION 1 min
"

# stamp_of NAME: says what an image is made of: its folder, these versions and this script
stamp_of() { { cat "$here/versions.env" "$here/images.sh"; find "$here/images/$1" -type f | sort | xargs cat; } | sha256sum | cut -c1-16; }
# missing NAME: true when the engine lacks the image, or has one that was made of something else
missing() {
  docker image inspect "$(tag "$1")" >/dev/null 2>&1 || return 0
  case $1 in
    debian-*) return 1 ;;
    # kind adds no label; the image is as old as what it was made of.
    node) missing node-base || missing kubernetes ;;
    *) [ "$(docker image inspect -f '{{index .Config.Labels "raworc.bed"}}' "$(tag "$1")")" != "$(stamp_of "$1")" ] ;;
  esac
}
tag() { awk -v name="$1" '$1 == name { print $2 }' <<<"$known"; }

# folder NAME: a copy of images/NAME, to which a build's other files are added
folder() { cp -r "$here/images/$1" "$work/$1"; }
# image TAG NAME [FLAG…]: builds that folder
image() { docker build -q --network host --label "raworc.bed=$(stamp_of "$2")" -t "$1" "${@:3}" "$work/$2"; }

# build NAME: makes one image
build() {
  work=$(mktemp -d)
  # shellcheck disable=SC2064  # the folder of now
  trap "rm -rf '$work'" EXIT
  case $1 in
    debian-*) build_debian "${1#debian-}" ;;
    *) "build_${1//-/_}" "$(tag "$1")" ;;
  esac
}
build_debian() {
  debootstrap --variant=minbase "$1" "$work/root"
  rm -rf "$work/root"/{var/cache/apt/archives/*.deb,var/lib/apt/lists/*,usr/share/doc/*,usr/share/locale/*,usr/share/man/*}
  tar -C "$work/root" -c . | docker import --change 'CMD ["bash"]' - "debian:$1-slim"
}
build_registry() {
  folder registry
  cp "$store/registry-$REGISTRY_VERSION" "$work/registry/registry"
  image "$1" registry
}
build_kaniko() {
  folder kaniko
  cp "$store/kaniko-$KANIKO_VERSION" "$work/kaniko/kaniko"
  cp "$authorities" "$work/kaniko/"
  image "$1" kaniko
}
build_mysql() {
  folder mysql
  image "$1" mysql
}
build_node_base() {
  folder node-base
  mkdir "$work/node-base"/{bin,cni}
  cp -r "$(kind_source)/images/base/files" "$work/node-base/kind"
  chmod -R u+w "$work/node-base/kind"
  for part in containerd containerd-shim-runc-v2 ctr; do cp "$store/$part-$CONTAINERD_VERSION" "$work/node-base/bin/$part"; done
  cp "$store/runc-$RUNC_VERSION" "$work/node-base/bin/runc"
  for part in host-local loopback ptp portmap; do cp "$store/cni-$part-$CNI_VERSION" "$work/node-base/cni/$part"; done
  image "$1" node-base
}
build_kubernetes() {
  folder kubernetes
  mkdir "$work/kubernetes/bin"
  cp "$store/hyperkube-$KUBERNETES_VERSION" "$work/kubernetes/bin/hyperkube"
  cp "$store/coredns-$COREDNS_VERSION" "$work/kubernetes/bin/coredns"
  cp "$store/local-path-provisioner-$LOCAL_PATH_VERSION" "$work/kubernetes/bin/local-path-provisioner"
  gcc -static -Os -s -o "$work/kubernetes/pause" "$work/kubernetes/pause.c"
  for target in coredns kindnetd pause; do image "raworc-bed/$target" kubernetes --target "$target"; done
  # Last, as it says that all of them are made.
  image "$1" kubernetes --target parts
}
# kind builds its node image out of a Kubernetes release: three binaries and four image archives.
build_node() {
  local release=$work/release/kubernetes
  mkdir -p "$release/server/bin"
  echo "v$KUBERNETES_VERSION" >"$release/version"
  for part in kubeadm kubelet kubectl; do cp "$store/hyperkube-$KUBERNETES_VERSION" "$release/server/bin/$part"; done
  python3 "$here/archives.py" "$(kind_source)" "$store/hyperkube-$KUBERNETES_VERSION" "$KUBERNETES_VERSION" "$release/server/bin"
  tar -C "$work/release" -I 'gzip -1' -cf "$work/release.tar.gz" kubernetes
  "$store/kind-$KIND_VERSION" build node-image "$work/release.tar.gz" --type file --base-image raworc-bed/node-base --image "$1"
}
# kind_source: where kind's source is, which Go fetches and verifies
kind_source() {
  "$here/binaries.sh" --toolchain >&2
  (
    cd "$work"
    for folder in "$store"/go-*/bin; do PATH=$PATH:$folder; done
    go mod download -json "sigs.k8s.io/kind@v$KIND_VERSION" | jq -r .Dir
  )
}

if [ "${1:-}" = --build ]; then
  build "$2"
  exit
fi
# All before the first is made: what is made of others is made again with them.
wanted=()
while read -r name _; do
  if missing "$name"; then wanted+=("$name"); fi
done <<<"${known%$'\n'}"
for name in "${wanted[@]}"; do
  read -r _ image time <<<"$(grep -m 1 "^$name " <<<"$known")"
  if planning; then echo "make the image $image, about $time"; else step "Image $image, about $time" "$0" --build "$name"; fi
done
