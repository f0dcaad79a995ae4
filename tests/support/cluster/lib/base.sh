# shellcheck shell=bash
# The base image of machines without docker, made from the distribution's own packages: python3 for our images, and
# redis-server for the tests' in-cluster Redis.  Kept as an archive; making it takes under a minute.

BASE_IMAGE=localhost/sluice-base:1

base() { # makes sure buildah's storage holds $BASE_IMAGE
  local archive=$CACHE/images/base.tar
  mkdir -p "$CACHE/images"
  if [ ! -e "$archive" ]; then
    packages buildah=buildah debootstrap=debootstrap
    make_base "$archive"
  fi
  buildah inspect --type image "$BASE_IMAGE" >/dev/null 2>&1 || buildah pull -q "oci-archive:$archive" >/dev/null
}

make_base() { # archive
  local root release mirror container components=main
  # shellcheck source=/dev/null
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016  # apt's own placeholders
  mirror=$(apt-get indextargets --format '$(SITE)' "Codename: $release" | sed -n 1p)
  # shellcheck disable=SC2016
  ! apt-get indextargets --format '$(COMPONENT)' "Codename: $release" | grep -qx universe || components=main,universe
  root=$(mktemp -d)
  say "making a base image of $release with python3"
  debootstrap --variant=minbase --components="$components" --include=python3,python3-venv,ca-certificates,redis-server \
    "$release" "$root" "$mirror" >"$root.log" 2>&1 || { tail -5 "$root.log" >&2; die "debootstrap failed"; }
  rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,locale,man}/* "$root.log"
  # Builds behind an inspecting proxy trust what the host trusts.
  cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$root/etc/pip.conf"
  container=$(buildah from scratch)
  buildah copy -q "$container" "$root" / >/dev/null
  buildah config --entrypoint '["python3"]' "$container"
  buildah commit -q "$container" "$BASE_IMAGE" >/dev/null
  buildah rm "$container" >/dev/null
  rm -rf "$root"
  rm -f "$1.part" && buildah push -q "$BASE_IMAGE" "oci-archive:$1.part:$BASE_IMAGE" && mv "$1.part" "$1"
}
