#!/bin/sh
# Restores a backup into a new database: restore_database.sh FILE DATABASE [OPTION ...]. See docs/backup.md.
set -eu
if [ $# -lt 2 ]; then
  echo "usage: restore_database.sh FILE DATABASE [--keep-tokens]" >&2
  exit 2
fi
file=$1 database=$2
shift 2
exec "${PYTHON:-python3}" -m server restore "$file" --database "$database" "$@"
