#!/usr/bin/env bash
# Builds the images of the product into the local Docker engine, each under a tag that says its content.
set -euo pipefail
source "$(dirname "$0")/env.sh"

# inputs IMAGE: the files and folders that an image of the product is made of; its Dockerfile lies in the first
inputs() {
  case $1 in
    operator) echo operator kube sources crds/raworc_crds pyproject.toml uv.lock LICENSE ;;
    api) echo apiserver kube crds/raworc_crds pyproject.toml uv.lock LICENSE ;;
    agent) echo agent ;;
  esac
}

# context IMAGE: the build context as an archive that is the same, byte for byte, for the same content
context() {
  # shellcheck disable=SC2046  # the inputs are words
  tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
    --exclude=__pycache__ --exclude='.*_cache' -c $(inputs "$1")
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$cache/image"

for name in operator api agent; do
  context "$name" >"$work/context"
  image=raworc/$name:$version-$(stamp <"$work/context")
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    echo "building $image"
    if private_authorities; then tar -C "${authorities%/*}" -rf "$work/context" "${authorities##*/}"; fi
    folder=$(inputs "$name")
    docker build --network host -t "$image" -f "${folder%% *}/Dockerfile" - <"$work/context"
  fi
  docker tag "$image" "raworc/$name:$version"
  echo "$image" >"$cache/image/$name"
done
