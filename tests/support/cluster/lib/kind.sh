# shellcheck shell=bash
# kind, where docker answers.  Its kubeconfig is kept in the run folder: the user's own is neither read nor written.

KIND_NAME=${SLUICE_KIND_NAME:-sluice}

kind_up() {
  tool kind; tool kubectl; tool helm
  mkdir -p "$DIR"
  if kind get clusters 2>/dev/null | grep -qx "$KIND_NAME"; then
    kind export kubeconfig --name "$KIND_NAME" --kubeconfig "$ADMIN" >/dev/null 2>&1
  else
    kind create cluster --name "$KIND_NAME" --config "$ROOT/kind-config.yaml" --kubeconfig "$ADMIN" --wait 180s >&2
  fi
  wait_for 60 kubectl --kubeconfig "$ADMIN" --request-timeout 5s get --raw /readyz
}

kind_down() {
  tool kind
  kind delete cluster --name "$KIND_NAME" --kubeconfig "$ADMIN" >&2
  rm -rf "$DIR"
}

kind_load() { # archive...
  local archive
  for archive in "$@"; do kind load image-archive --name "$KIND_NAME" "$archive" >&2; done
}

kind_stop() { # apiserver: kubelet ends a static pod whose manifest is gone
  local manifest=kube-$1.yaml
  docker exec "$KIND_NAME-control-plane" mv "/etc/kubernetes/manifests/$manifest" "/etc/kubernetes/$manifest"
  wait_for 60 sh -c "! docker exec $KIND_NAME-control-plane crictl ps --name kube-$1 -q | grep -q ."
}

kind_start() {
  local manifest=kube-$1.yaml
  docker exec "$KIND_NAME-control-plane" sh -c "[ ! -e /etc/kubernetes/$manifest ] || mv /etc/kubernetes/$manifest /etc/kubernetes/manifests/"
  wait_for 120 kubectl --kubeconfig "$ADMIN" --request-timeout 5s get --raw /readyz
}

kind_crash() { docker exec "$KIND_NAME-control-plane" sh -c "$CRASH" crash "$@"; } # pod-uid program
