# shellcheck shell=bash
# Certificates and kubeconfigs of the docker-free cluster.

pki() ( # address of the API server for clients
  mkdir -p "$DIR/pki"
  cd "$DIR/pki" || exit
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -subj /CN=sluice-tests -days 365 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out sa.key 2>/dev/null
  openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null
  names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost"
  certificate apiserver /CN=kube-apiserver "$names,IP:127.0.0.1,IP:$API_SERVICE,IP:$1"
  certificate admin /O=system:masters/CN=admin DNS:admin
  certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "DNS:$NODE,IP:127.0.0.1,IP:$1"
  certificate controller-manager /CN=system:kube-controller-manager DNS:controller-manager
  certificate scheduler /CN=system:kube-scheduler DNS:scheduler
  certificate proxy /CN=system:kube-proxy DNS:proxy
  certificate front-proxy /CN=front-proxy DNS:front-proxy
  for user in kubelet controller-manager scheduler proxy admin; do kubeconfig "$user" "$1"; done
)

certificate() { # name subject alternative-names
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3") 2>/dev/null
}

kubeconfig() { # user address
  cat >"$DIR/$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: sluice-local, cluster: {server: "https://$2:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: sluice-local, context: {cluster: sluice-local, user: $1}}]
current-context: sluice-local
Y
  chmod 600 "$DIR/$1.kubeconfig"
}
