# Names, places and small verbs that the scripts here share; sourced, never run.
# shellcheck shell=bash disable=SC2034  # the names are used by whoever sources this
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
bed=$HOME/.cache/raworc-bed
# shellcheck source=hack/bed/versions.env
source "$root/hack/bed/versions.env"

UV_VERSION=0.13.9
# Another cluster than the developer's, at another address of the loopback: hack/try-upgrade.
cluster=${RAWORC_CLUSTER:-raworc}
address=${RAWORC_ADDRESS:-localhost}
context=kind-$cluster
node=$cluster-control-plane
system=raworc-system
git_namespace="demo-git"
git_server=git://$address:9418
api=http://$address:8080
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/pyproject.toml")
# What agents are built on: with Python, with Node.js too, and where Rust is compiled.
bases=(agent agent-node agent-rust)
# The engine of Debian 12 has no BuildKit; with it or without it, a build here is the same.
export DOCKER_BUILDKIT=0
export PATH=$cache/bin:$PATH

kube() { kubectl --context "$context" "$@"; }

# planning: true where scripts only print what they would change, a line each, and change nothing (hack/up --dry-run)
planning() { [ -n "${RAWORC_DRY_RUN:-}" ]; }

# stamp: the first characters of a digest of what comes in
stamp() { sha256sum | cut -c1-12; }

# packages NAME…: installs those Debian packages that are missing
packages() {
  command -v dpkg-query >/dev/null || return 0
  local missing=() sudo=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if planning; then
    echo "install the Debian packages ${missing[*]}"
    return
  fi
  [ "$(id -u)" = 0 ] || sudo=(sudo)
  echo "installing ${missing[*]}"
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# images_from: "bed" where no image registry can be reached, else "registry"; hack/engine finds it out, a plan assumes the bed
images_from() { cat "$cache/images-from" 2>/dev/null || { planning && echo "${RAWORC_IMAGES:-bed}"; }; }

# private_authorities: true when this machine trusts more than Debian's own certificate authorities, as behind many a proxy
authorities=/etc/ssl/certs/ca-certificates.crt
private_authorities() { compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null && [ -e "$authorities" ]; }

# image NAME: the image of the product, under the tag that says its content; hack/images.sh builds it and notes it
image() { cat "$cache/image/$1"; }

# onto_node IMAGE…: copies images of the Docker engine to the node
onto_node() { docker save "$@" | docker exec -i "$node" ctr -n k8s.io images import --local --digests --snapshotter=overlayfs -; }

# await SECONDS COMMAND…: tries twice a second until the command succeeds, at most that long; then says what it said last
await() {
  local deadline=$((SECONDS + $1)) said
  shift
  until said=$("$@" 2>&1); do
    if ((SECONDS >= deadline)); then
      printf '%s\n' "$said" >&2
      return 1
    fi
    sleep 0.5
  done
  printf '%s\n' "$said"
}

# step WORDS COMMAND…: says what happens, does it, and says how long it took; what it prints goes to a log. In a plan it says
# what the command would change.
step() {
  local words=$1 began=$EPOCHREALTIME log=$cache/log/${2##*/}.log; shift
  if planning; then
    "$@" | sed "1s/^/$(printf '%-40s' "$words" | sed 's/[&/\]/\\&/g')/; 2,\$s/^/$(printf '%40s' '')/"
    return
  fi
  mkdir -p "$cache/log"
  printf '%-56s' "$words"
  if "$@" >"$log" 2>&1; then
    printf '%6.1f s\n' "$(seconds "$began")"
  else
    printf ' failed; the end of %s:\n' "$log"
    tail -n 40 "$log"
    exit 1
  fi
}

# steps WORDS COMMAND…: runs a command that has steps of its own
steps() { if planning; then step "$@"; else "${@:2}"; fi; }

# seconds SINCE: how long ago that was
seconds() { awk -v now="$EPOCHREALTIME" -v since="$1" 'BEGIN { print now - since }'; }
