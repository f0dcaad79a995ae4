# shellcheck shell=bash
# A real one-node Kubernetes on a Debian or Ubuntu host without docker, as root: etcd, API server, controller manager,
# scheduler, kube-proxy, CoreDNS, and a kubelet over the distribution's containerd.
#
# The node lives in its own mount, network and PID namespaces, joined to the host by one veth pair.  So two clusters
# can run side by side, no rule or mount of the host is touched, and killing the node's PID 1 leaves nothing behind.

export POD_CIDR=10.244.0.0/24 SERVICE_CIDR=10.96.0.0/16 API_SERVICE=10.96.0.1 DNS_SERVICE=10.96.0.10 NODE=sluice-node
SOCKET=$DIR/containerd/socket
# 198.18.0.0/15 is set aside for test networks (RFC 2544); each run folder takes its own /30 of it.
SLOT=$(($(cksum <<<"$DIR" | cut -d' ' -f1) % 250))
HOST_IP=198.18.$SLOT.1 NODE_IP=198.18.$SLOT.2 VETH=sluice-$SLOT

local_up() {
  ! local_ready || return 0
  [ "$(id -u)" = 0 ] || die "without docker the cluster needs root"
  local_down # what something that was killed left behind
  packages containerd=containerd runc=runc buildah=buildah /usr/lib/cni=containernetworking-plugins \
    conntrack=conntrack iptables=iptables ip=iproute2 unshare=util-linux openssl=openssl gcc=gcc /usr/include/stdio.h=libc6-dev
  build_all
  node_images
  mkdir -p "$DIR"/{log,pid,cmd,cni,containerd,kubelet}
  pki "$NODE_IP"
  namespaces
  control_plane
  node
  export KUBECONFIG=$ADMIN
  kubectl apply -f "$HERE/coredns.yaml" >/dev/null
  wait_for 60 kubectl wait --for=condition=Ready --timeout=1s "node/$NODE"
  wait_for 60 kubectl -n kube-system wait --for=condition=Available --timeout=1s deployment/coredns
}

local_ready() {
  [ -e "$ADMIN" ] && kubectl --kubeconfig "$ADMIN" --request-timeout 5s get --raw /readyz >/dev/null 2>&1
}

local_down() {
  local init
  init=$(cat "$DIR/init.pid" 2>/dev/null || true)
  # A PID may have been given to somebody else since: end it only if it is the one we started.
  if [ -n "$init" ] && tr '\0' ' ' <"/proc/$init/cmdline" 2>/dev/null | grep -qF "lib/init.sh $DIR "; then
    kill -KILL "$init"
    timeout 30 tail --pid="$init" -f /dev/null || die "the node's first process $init does not end"
  fi
  ip link del "$VETH" 2>/dev/null || true
  find /sys/fs/cgroup -mindepth 1 -depth -type d -path '*/kubepods*' -exec rmdir {} + 2>/dev/null || true # empty ones only
  rmdir /var/lib/cni /var/lib/kubelet 2>/dev/null || true # mount points only
  rm -rf "$DIR"
}

local_load() { # archive...
  local archive
  for archive in "$@"; do ctr -a "$SOCKET" -n k8s.io images import "$archive" >/dev/null; done
}

local_stop() { # component: killed, as a crash would; the API server takes a minute to end politely
  [ -e "$DIR/pid/$1" ] || die "not running: $1"
  echo "stop $1" >"$DIR/control"
  wait_for 60 test ! -e "$DIR/pid/$1"
}

local_start() { # component, as it was started before
  [ -x "$DIR/cmd/$1" ] || die "no such component: $1 (there are: $(ls "$DIR/cmd"))"
  [ ! -e "$DIR/pid/$1" ] || return 0
  echo "start $1" >"$DIR/control"
  wait_for 10 test -e "$DIR/pid/$1"
  [ "$1" != apiserver ] || wait_for 60 local_ready
}

local_crash() { sh -c "$CRASH" crash "$@"; } # pod-uid program

run() { # component command...: writes down how to start it, then starts it
  local name=$1
  shift
  { printf '#!/bin/sh\nexec'; printf ' %q' "$@"; echo; } >"$DIR/cmd/$name"
  chmod +x "$DIR/cmd/$name"
  local_start "$name"
}

namespaces() {
  mkfifo "$DIR/control"
  setsid unshare --mount --net --pid --fork bash "$HERE/lib/init.sh" "$DIR" x >"$DIR/log/init" 2>&1 </dev/null 9>&- &
  wait_for 10 test -s "$DIR/init.pid"
  local init
  init=$(cat "$DIR/init.pid")
  ip link add "$VETH" type veth peer name eth0 netns "$init"
  ip addr add "$HOST_IP/30" dev "$VETH"
  ip link set "$VETH" up
  nsenter --net --target "$init" -- sh -ec "
    ip addr add $NODE_IP/30 dev eth0
    ip link set eth0 up
    ip route add default via $HOST_IP
    sysctl -qw net.ipv4.ip_forward=1
    sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null || true"
}

control_plane() {
  local p=$DIR/pki
  run etcd etcd --name local --data-dir "$DIR/etcd" --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 --listen-peer-urls http://127.0.0.1:2380
  run apiserver kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address "$NODE_IP" --secure-port 6443 \
    --tls-cert-file "$p/apiserver.crt" --tls-private-key-file "$p/apiserver.key" --client-ca-file "$p/ca.crt" \
    --service-account-key-file "$p/sa.pub" --service-account-signing-key-file "$p/sa.key" \
    --service-account-issuer https://kubernetes.default.svc.cluster.local --service-cluster-ip-range "$SERVICE_CIDR" \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged=true --shutdown-delay-duration 0 \
    --kubelet-client-certificate "$p/admin.crt" --kubelet-client-key "$p/admin.key" --kubelet-preferred-address-types InternalIP \
    --requestheader-client-ca-file "$p/ca.crt" --requestheader-allowed-names front-proxy --requestheader-username-headers X-Remote-User \
    --requestheader-group-headers X-Remote-Group --requestheader-extra-headers-prefix X-Remote-Extra- \
    --proxy-client-cert-file "$p/front-proxy.crt" --proxy-client-key-file "$p/front-proxy.key"
  run controller-manager kube-controller-manager --kubeconfig "$DIR/controller-manager.kubeconfig" --leader-elect=false \
    --service-account-private-key-file "$p/sa.key" --root-ca-file "$p/ca.crt" --use-service-account-credentials \
    --cluster-signing-cert-file "$p/ca.crt" --cluster-signing-key-file "$p/ca.key"
  run scheduler kube-scheduler --kubeconfig "$DIR/scheduler.kubeconfig" --leader-elect=false
}
