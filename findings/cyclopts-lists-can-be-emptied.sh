#!/usr/bin/env bash
# Cyclopts: can a required option that takes a list be left out?
#
# cyclopts 5.4.0, Python 3.11, seen on 2026-12-01.
# It can, by an option that nobody declared: every list gets --empty-NAME beside --NAME, and it fulfils a required
# parameter with []. A command that grants access to the stores it is given, all of them required, runs with none; what it
# makes of that (a token for nothing, or for everything) was never thought of by who wrote it. The help
# lists it beside the option that was declared.
# Parameter(negative=()) takes it away; as default_parameter of an App it does so for its commands, but not for a
# sub-app that is called by itself.
#
# Exit 0: as stated; 1: it behaves otherwise now; 2: could not be set up.
set -u
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet cyclopts==5.4.0 >&2 || exit 2
cat > "$work/ask.py" <<'PY'
import contextlib
import io

from cyclopts import App, Parameter


def outcome(app: App, *arguments: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(arguments, exit_on_error=False)
        except BaseException as error:
            return type(error).__name__
    return said.getvalue().strip()


def granting(**options: object) -> App:
    app = App(name="access", result_action="return_value", **options)

    @app.command
    def grant(*, store: list[str]) -> None:
        """Give access to stores."""
        print("granted:", store)

    return app


print_help = io.StringIO()
with contextlib.redirect_stdout(print_help):
    granting()(["grant", "--help"])
for name, app in (("plain", granting()), ("negative=()", granting(default_parameter=Parameter(negative=())))):
    print(name, "| left out ->", outcome(app, "grant"))
    print(name, "| --store x ->", outcome(app, "grant", "--store", "x"))
    print(name, "| --empty-store ->", outcome(app, "grant", "--empty-store"))
print("help lists it:", "--empty-store" in print_help.getvalue())
PY
seen=$("$work/venv/bin/python" "$work/ask.py" 2>"$work/log") || { tail -3 "$work/log" >&2; exit 2; }
printf '%s\n' "$seen"
expected="plain | left out -> MissingArgumentError
plain | --store x -> granted: ['x']
plain | --empty-store -> granted: []
negative=() | left out -> MissingArgumentError
negative=() | --store x -> granted: ['x']
negative=() | --empty-store -> MissingArgumentError
help lists it: True"
[ "$seen" = "$expected" ] || { echo "It behaves otherwise now." >&2; exit 1; }
