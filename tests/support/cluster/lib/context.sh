# shellcheck shell=bash
# A cluster somebody else runs, only by the name the user gave: never "whatever is current".

context_up() {
  tool kubectl; tool helm
  kubectl config get-contexts -o name | grep -qxF "$SLUICE_KUBE_CONTEXT" ||
    die "no context '$SLUICE_KUBE_CONTEXT' in the kubeconfig (there are: $(kubectl config get-contexts -o name | paste -sd' '))"
  mkdir -p "$DIR"
  (umask 077 && kubectl config view --minify --flatten --context "$SLUICE_KUBE_CONTEXT" >"$ADMIN.part" && mv "$ADMIN.part" "$ADMIN")
  kubectl --kubeconfig "$ADMIN" --request-timeout 20s get --raw /readyz >/dev/null || die "context '$SLUICE_KUBE_CONTEXT' does not answer"
}

context_down() { rm -rf "$DIR"; } # the cluster is not ours to end

context_load() { die "images cannot be loaded into context '$SLUICE_KUBE_CONTEXT'; push them: SLUICE_IMAGE_PREFIX=registry.example.com/me/sluice"; }
context_stop() { die "nothing of context '$SLUICE_KUBE_CONTEXT' is stopped by tests"; }
context_start() { context_stop; }

context_crash() { die "processes of somebody else's cluster are not touched"; }
