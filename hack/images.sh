#!/usr/bin/env bash
# Builds the product's image and the base images of agents into the local Docker engine, each under a tag that says its content.
set -euo pipefail
source "$(dirname "$0")/env.sh"

# inputs IMAGE: the files and folders that an image is made of, its Dockerfile first
inputs() {
  case $1 in
    raworc) echo Dockerfile crds/raworc_crds kube sources operator apiserver agent/raworc_host agent/raworc_runner pyproject.toml uv.lock LICENSE ;;
    agent*) echo agent/Dockerfile agent/raworc_runner agent/runtimes ;;
  esac
}

# target IMAGE: the flag that says which stage of its Dockerfile an image is
target() {
  case $1 in
    agent) echo --target=python ;;
    agent-*) echo "--target=${1#agent-}" ;;
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
planning || mkdir -p "$cache/image"

for name in raworc "${bases[@]}"; do
  context "$name" >"$work/context"
  image=raworc/$name:$version-$(stamp <"$work/context")
  if planning; then
    docker image inspect "$image" >/dev/null 2>&1 || echo "build $image"
    continue
  fi
  if ! docker image inspect "$image" >/dev/null 2>&1; then
    echo "building $image"
    if private_authorities; then tar -C "${authorities%/*}" -rf "$work/context" "${authorities##*/}"; fi
    files=$(inputs "$name")
    # shellcheck disable=SC2046  # a flag, or none
    docker build --network host -t "$image" $(target "$name") -f "${files%% *}" - <"$work/context"
  fi
  docker tag "$image" "raworc/$name:$version"
  echo "$image" >"$cache/image/$name"
done
