# shellcheck shell=bash
# What every part of the cluster tool shares: places, versions, waiting.

export CACHE=${SLUICE_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/sluice/cluster}
export DIR=${SLUICE_CLUSTER_DIR:-$CACHE/run}
export BIN=$CACHE/bin
export ADMIN=$DIR/admin.kubeconfig
export PATH=$BIN:$PATH

say() { echo "cluster: $*" >&2; }
die() { say "$*"; exit 1; }

wait_for() { # seconds command...: until the command succeeds; one try is not bounded, so bound it yourself
  local deadline=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ]; then say "gave up waiting for: $*"; return 1; fi
    sleep 0.1
  done
}

docker_answers() { # the client alone is no docker: the daemon must be there
  command -v docker >/dev/null && timeout 20 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}

driver() { # prints context, kind or local: an existing cluster is used only when named
  if [ -n "${SLUICE_KUBE_CONTEXT:-}" ]; then echo context
  elif docker_answers; then echo kind
  else echo local; fi
}

# Kills what a pod runs: the kubelet names a pod's cgroup after its uid.  Runs where the node's processes are to be seen.
# shellcheck disable=SC2016  # expanded there
export CRASH='
  found=
  uid=$(echo "$1" | sed "s/-/[-_]/g")
  for process in /proc/[0-9]*; do
    grep -q "$uid" "$process/cgroup" 2>/dev/null || continue
    tr "\0" " " <"$process/cmdline" | grep -qF "$2" || continue
    kill -KILL "${process#/proc/}" && found=yes
  done
  [ "$found" ] || { echo "no process $2 of pod $1 is to be seen" >&2; exit 1; }'

packages() { # binary=package...: installs with apt those whose binary (or folder) is absent
  local missing=() pair
  for pair in "$@"; do
    [ -e "${pair%%=*}" ] || command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || die "needs ${missing[*]}: install them, or run as root"
  command -v apt-get >/dev/null || die "needs ${missing[*]}, and there is no apt-get to install them with"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 update -qq >&2
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}" >&2
}
