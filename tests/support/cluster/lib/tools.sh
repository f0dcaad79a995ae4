# shellcheck shell=bash
# The binaries, built from Go modules once and kept in $BIN: the module proxy is the only thing needed from outside.

# kubelet 1.35 and later refuse cgroup v1 unless told otherwise.
K8S=1.34.4 ETCD=3.6.16 HELM=3.22.0 COREDNS=1.15.0 KIND=0.33.0
GO_TOOLCHAIN=1.26.8
KUBE_COMMANDS=(kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)

ensure_go() { # puts a Go on PATH that can build Kubernetes
  local have
  have=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed -n 's/^go1\.\([0-9]*\).*/\1/p')
  [ "${have:-0}" -lt 25 ] || return 0
  if [ ! -x "$CACHE/go/bin/go" ]; then
    packages go=golang-go
    fetch_go
  fi
  export PATH=$CACHE/go/bin:$PATH GOTOOLCHAIN=local GOROOT=$CACHE/go
}

fetch_go() { # Distributions' Go is often too old, but any can fetch a newer one as a module, verified by the checksum database.
  local arch at
  mkdir -p "$CACHE"
  arch=$(go env GOARCH)
  say "fetching Go $GO_TOOLCHAIN"
  at=$(cd "$CACHE" && go mod download -json "golang.org/toolchain@v0.0.1-go$GO_TOOLCHAIN.linux-$arch" |
    sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  rm -rf "$CACHE/go.part"
  cp -r "$at" "$CACHE/go.part"
  # A module's zip holds neither modes nor nested go.mod files; Go 1.21 and later put them back themselves.
  chmod -R u+w "$CACHE/go.part"
  find "$CACHE/go.part" -name _go.mod -execdir mv {} go.mod ';'
  chmod -R u+x "$CACHE/go.part/bin" "$CACHE/go.part/pkg/tool"
  mv "$CACHE/go.part" "$CACHE/go"
}

build_all() { # everything the docker-free cluster runs
  local wanted="$K8S $ETCD $HELM $COREDNS"
  [ "$(cat "$BIN/.version" 2>/dev/null)" != "$wanted" ] || return 0
  ensure_go
  say "building Kubernetes $K8S from source (once; about ten minutes)"
  mkdir -p "$BIN"
  build_kubernetes "${KUBE_COMMANDS[@]}"
  build_module go.etcd.io/etcd/server/v3 "$ETCD" etcd
  build_helm
  build_module github.com/coredns/coredns "$COREDNS" coredns
  echo "$wanted" >"$BIN/.version"
}

tool() { # kubectl|helm|kind: one command, built only where none is on PATH
  command -v "$1" >/dev/null && return
  ensure_go
  say "building $1"
  mkdir -p "$BIN"
  case $1 in
    kubectl) build_kubernetes kubectl ;;
    helm) build_helm ;;
    kind) build_module sigs.k8s.io/kind "$KIND" kind ;;
    *) die "no such tool: $1" ;;
  esac
}

build_kubernetes() { # command...
  local command stamp upstream minor=${K8S#1.}
  mkdir -p "$CACHE/src/kubernetes"
  # k8s.io/kubernetes replaces its staging modules by folders of its repository; here by the versions published for it.
  upstream=$(cd "$CACHE" && go mod download -json "k8s.io/kubernetes@v$K8S" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  {
    printf 'module cluster\ngo 1.24.0\ngodebug default=go1.24\nrequire k8s.io/kubernetes v%s\ntool (\n' "$K8S"
    printf '  k8s.io/kubernetes/cmd/%s\n' "${KUBE_COMMANDS[@]}"
    printf ')\nreplace (\n'
    sed -n "s#^\s*\(k8s.io/[a-z0-9-]*\) => ./staging.*#  \1 => \1 v0.$minor#p" "$upstream"
    printf ')\n'
  } >"$CACHE/src/kubernetes/go.mod"
  (cd "$CACHE/src/kubernetes" && GOFLAGS=-mod=mod go mod tidy) 2>&1 | sed -n '/^go: /!p' >&2
  stamp="-X k8s.io/component-base/version.gitVersion=v$K8S"
  stamp+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}"
  for command in "$@"; do
    (cd "$CACHE/src/kubernetes" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w $stamp" -o "$BIN/" "k8s.io/kubernetes/cmd/$command")
  done
}

build_helm() { # it reports, and renders charts for, whatever versions it is told here
  local at=helm.sh/helm/v3
  build_module $at/cmd/helm "$HELM" helm "-X $at/internal/version.version=v$HELM
    -X $at/pkg/chartutil.k8sVersionMajor=1 -X $at/pkg/chartutil.k8sVersionMinor=$(cut -d. -f2 <<<"$K8S")"
}

build_module() { # package version binary [stamp]: also for modules that `go install` refuses because they replace others
  mkdir -p "$CACHE/src/$3"
  (
    cd "$CACHE/src/$3" || exit
    rm -f go.mod go.sum
    go mod init "local/$3"
    go get -tool "$1@v$2"
    CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w ${4:-}" -o "$BIN/$3.part" "$1"
    mv "$BIN/$3.part" "$BIN/$3"
  ) 2>&1 | sed -n '/^go: /!p' >&2
}
