#!/usr/bin/env bash
# PID 1 of the docker-free node: alone in its mount, network and PID namespaces, so that killing it ends everything.
# It starts and stops what it is told on a pipe, and reaps what containers leave behind.
set -u
dir=$1
read -r pid _ </proc/self/stat # /proc is still the host's, so this is our PID as the host sees it

mount -t proc proc /proc
# Where container state, network namespaces, locks, container logs, addresses given to pods and device sockets go.
mkdir -p /var/lib/cni /var/lib/kubelet
for at in /run /var/log /var/lib/cni /var/lib/kubelet; do mount -t tmpfs tmpfs "$at"; done
ip link set lo up

exec 3<>"$dir/control"
echo "$pid" >"$dir/init.pid"
while read -r verb name <&3; do
  case $verb in
    start)
      "$dir/cmd/$name" >>"$dir/log/$name" 2>&1 </dev/null 3>&- &
      echo $! >"$dir/pid/$name"
      ;;
    stop)
      at=$(cat "$dir/pid/$name") && kill -KILL "$at" && wait "$at"
      rm -f "$dir/pid/$name"
      ;;
  esac
done
