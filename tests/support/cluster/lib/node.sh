# shellcheck shell=bash
# The node of the docker-free cluster: containerd, kubelet, kube-proxy, and the two images they cannot do without.

node() {
  network_config >"$DIR/cni/10-bridge.conflist"
  containerd_config >"$DIR/containerd.toml"
  run containerd containerd -c "$DIR/containerd.toml"
  wait_for 20 ctr -a "$SOCKET" version
  local_load "$CACHE"/images/{pause,coredns}.tar
  echo "nameserver 127.0.0.1" >"$DIR/resolv.conf" # nothing outside the cluster is looked up
  kubelet_config >"$DIR/kubelet.yaml"
  run kubelet kubelet --config "$DIR/kubelet.yaml" --kubeconfig "$DIR/kubelet.kubeconfig" \
    --hostname-override "$NODE" --node-ip "$NODE_IP" --root-dir "$DIR/kubelet"
  run proxy kube-proxy --kubeconfig "$DIR/proxy.kubeconfig" --proxy-mode iptables --hostname-override "$NODE" --cluster-cidr "$POD_CIDR" \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s # read-only in a network namespace
}

network_config() {
  cat <<J
{"cniVersion": "0.4.0", "name": "bridge", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_CIDR"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
J
}

containerd_config() {
  local snapshotter=overlayfs
  [ "$(stat -f -c %T "$DIR")" != overlayfs ] || snapshotter=native # no overlay on an overlay: inside a container, say
  # restrict_oom_score_adj: the host may not grant CAP_SYS_RESOURCE, without which no sandbox would start.
  cat <<T
version = 2
root = "$DIR/containerd/root"
state = "$DIR/containerd/state"
[grpc]
  address = "$SOCKET"
[plugins."io.containerd.internal.v1.opt"]
  path = "$DIR/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$snapshotter"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$DIR/cni"
T
}

kubelet_config() {
  cat <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $DIR/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $DIR/pki/kubelet.crt
tlsPrivateKeyFile: $DIR/pki/kubelet.key
containerRuntimeEndpoint: unix://$SOCKET
cgroupDriver: cgroupfs
failSwapOn: false
clusterDNS: [$DNS_SERVICE]
clusterDomain: cluster.local
resolvConf: $DIR/resolv.conf
enforceNodeAllocatable: []
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: 100Mi}
imageGCHighThresholdPercent: 100
Y
}

node_images() { # kept as archives: building them takes longer than starting the cluster
  local archives=$CACHE/images
  mkdir -p "$archives"
  if [ ! -e "$archives/pause.tar" ]; then
    printf '#include <unistd.h>\nint main(void) { for (;;) pause(); }\n' | gcc -static -Os -o "$archives/pause" -xc -
    scratch pause "$archives/pause"
    rm "$archives/pause"
  fi
  [ "$archives/coredns.tar" -nt "$BIN/coredns" ] || scratch coredns "$BIN/coredns"
}

scratch() { # name binary: an image of nothing but one static binary
  local container
  container=$(buildah from scratch)
  buildah copy -q "$container" "$2" "/$1" >/dev/null
  buildah config --entrypoint "[\"/$1\"]" "$container"
  rm -f "$CACHE/images/$1.part"
  buildah commit -q "$container" "oci-archive:$CACHE/images/$1.part:localhost/$1:1" >/dev/null
  buildah rm "$container" >/dev/null
  mv "$CACHE/images/$1.part" "$CACHE/images/$1.tar"
}
