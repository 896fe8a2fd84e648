#!/bin/sh
# Puts a Debian 13 with PostgreSQL 17, pgvector and all names of time zones, the older ones included, into a directory,
# for the tests: make_postgresql_root.sh DIRECTORY. Nothing is installed on this machine. A directory that is there already stays as it is. Needs root and mmdebstrap
# (Debian and Ubuntu have it), half a gigabyte, and Debian's packages: DEBIAN_MIRROR, or deb.debian.org.
set -eu
if [ $# -ne 1 ]; then
  echo "usage: make_postgresql_root.sh DIRECTORY" >&2
  exit 2
fi
directory=$1
if [ "$(id -u)" != 0 ] || ! unshare --mount true 2>/dev/null; then
  echo "make_postgresql_root.sh: only root that may mount can make and enter another Debian's root directory" >&2
  exit 1
fi
if [ -x "$directory/usr/lib/postgresql/17/bin/postgres" ]; then
  exit 0
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if ! command -v mmdebstrap >/dev/null || [ ! -e "$keyring" ]; then
  echo "make_postgresql_root.sh: needs the packages mmdebstrap and debian-archive-keyring" >&2
  exit 1
fi
rm -rf --one-file-system "$directory.new"
trap 'rm -rf --one-file-system "$directory.new"' EXIT
mmdebstrap --quiet --mode=root --variant=minbase --keyring="$keyring" \
  --include=postgresql-17-pgvector,tzdata-legacy \
  trixie "$directory.new" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
mv "$directory.new" "$directory"
