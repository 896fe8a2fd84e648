#!/bin/sh
# What the official image understands: POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE, and
# options of the server as arguments, after its name or not.
set -eu
data=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
  install --directory --mode=0700 --owner=postgres --group=postgres "$data"
  install --directory --owner=postgres --group=postgres /run/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
[ "${1-}" != postgres ] || shift
user=${POSTGRES_USER:-postgres}
if [ ! -e "$data/PG_VERSION" ]; then
  password=$(mktemp)
  if [ -n "${POSTGRES_PASSWORD_FILE-}" ]; then
    cat "$POSTGRES_PASSWORD_FILE" > "$password"
  else
    printf '%s\n' "${POSTGRES_PASSWORD:?}" > "$password"
  fi
  initdb --pgdata="$data" --username="$user" --pwfile="$password" --auth-local=trust --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8
  rm "$password"
  echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
  # On a socket alone: who waits for the port finds the database.
  pg_ctl --pgdata="$data" --wait start --options="-c listen_addresses=''"
  [ "${POSTGRES_DB:-$user}" = postgres ] || createdb --username="$user" "${POSTGRES_DB:-$user}"
  pg_ctl --pgdata="$data" --wait stop
fi
exec postgres -D "$data" -c listen_addresses='*' "$@"
