#!/bin/sh
# Runs a command beside a Docker engine of its own, for machines that have none: with_docker_engine.sh COMMAND [ARG ...].
# The engine is Debian 13's, in the directory .docker-engine; nothing is installed. Engine, containers, networks and the
# command live in mount, network and process namespaces that end with the command: it has no network but its own, and
# images come from this machine (scripts/build_test_image.sh). Needs root, mmdebstrap and a gigabyte.
set -eu
if [ $# -eq 0 ]; then
  echo "usage: with_docker_engine.sh COMMAND [ARG ...]" >&2
  exit 2
fi
if [ "$(id -u)" != 0 ]; then
  echo "with_docker_engine.sh: only root can make the namespaces of an engine" >&2
  exit 1
fi
root=$(cd "$(dirname "$0")/.." && pwd)/.docker-engine
if [ ! -x "$root/usr/sbin/dockerd" ]; then
  rm -rf --one-file-system "$root"
  mmdebstrap --quiet --mode=root --variant=minbase --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --include=docker.io,docker-cli,docker-compose,docker-buildx,iptables,iproute2 \
    trixie "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
fi
# Images and volumes; kept for the next run where the caller names a place.
state=${DOCKER_STATE:-$(mktemp -d)}
cgroup=retail-docker-$$
mkdir -p "$state/bin"
code=0
unshare --mount --net --pid --fork --mount-proc -- sh -s "$root" "$state" "$cgroup" "$@" <<'END' || code=$?
set -eu
root=$1 state=$2 cgroup=$3
shift 3
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --bind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount -t tmpfs tmpfs "$root/run"
for place in "$state" "$PWD"; do
  mkdir -p "$root$place"
  mount --rbind "$place" "$root$place"
done
chroot "$root" ip link set lo up
# The engine's own client, which knows compose and build.
cat > "$state/bin/docker" <<CLIENT
#!/bin/sh
exec chroot "$root" sh -c 'cd "\$0" && exec /usr/bin/docker --host "unix://$state/docker.sock" "\$@"' "\$PWD" "\$@"
CLIENT
chmod +x "$state/bin/docker"
# Not by chroot: what is run in a container by "docker exec" would find itself in this machine's root.
unshare --mount -- sh -c 'cd "$0" && pivot_root . mnt && exec chroot . sh -c "umount -l /mnt && exec \"\$@\"" sh "$@"' \
  "$root" dockerd --cgroup-parent "$cgroup" --host "unix://$state/docker.sock" --pidfile "$state/pid" \
  --data-root "$state/data" --exec-root "$state/run" > "$state/log" 2>&1 < /dev/null &
engine=$!
until "$state/bin/docker" version > "$state/version" 2>&1; do
  kill -0 "$engine" || { cat "$state/log" >&2; exit 1; }
  sleep 0.2
done
code=0
PATH="$state/bin:$PATH" DOCKER_HOST="unix://$state/docker.sock" "$@" < /dev/null || code=$?
kill "$engine"
wait "$engine" || true
exit "$code"
END
find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} +
[ -n "${DOCKER_STATE-}" ] || rm -rf --one-file-system "$state"
exit "$code"
