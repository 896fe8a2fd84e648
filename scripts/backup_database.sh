#!/bin/sh
# Backs the database up and verifies it: backup_database.sh [DIRECTORY] [OPTION ...]. See docs/backup.md.
set -eu
directory=${1:-./backups}
[ $# -eq 0 ] || shift
exec "${PYTHON:-python3}" -m server backup "$directory" --verify "$@"
