"""What is written beside the code says what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from docs.generate import between_markers, env_example, settings_table, tool_table
from server import __version__
from server.config import ENV_PREFIX, Settings

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
VARIABLES = [ENV_PREFIX + name.upper() for name in Settings.model_fields]


@pytest.mark.parametrize(("marker", "table"), [("tools", tool_table()), ("settings", settings_table())])
def test_the_tables_of_tools_and_settings_are_current(marker: str, table: str) -> None:
    page = (ROOT / f"docs/{marker}.md").read_text(encoding="utf-8")
    assert between_markers(page, marker, table) == page, "Run: make format"


def test_the_example_environment_is_current() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example(), "Run: make format"


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_is_documented(variable: str) -> None:
    assert f"| `{variable}` |" in (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    assert re.search(rf"^# {variable}=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", ["README.md", "docs", "sql/README.md", "CHANGELOG.md", "Makefile", ".ci"])
def test_only_settings_that_exist_are_mentioned(path: str) -> None:
    place = ROOT / path
    known = {*VARIABLES, "RETAIL_TEST_DATABASE_URL", "RETAIL_TEST_IMAGE", "RETAIL_TEST_POSTGRESQL_ROOT"}
    for file in [place] if place.is_file() else [file for file in place.rglob("*") if file.suffix in (".md", ".yml")]:
        mentioned = re.findall(rf"\b{ENV_PREFIX}[A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8"))
        assert set(mentioned) <= known, file


def test_every_test_that_is_named_exists() -> None:
    """What failed without a defence is proof only while it is there; `…` stands for the rest of a name."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py"))
    functions = re.findall(r"def (test_\w+)\(", source)
    files = [f"/{path.relative_to(ROOT).as_posix()}" for path in TESTS.rglob("*")]

    def exists(name: str, case: str) -> bool:
        if name.startswith("tests/") or name.endswith(".py"):
            return any(file.endswith(f"/{name.rstrip('/')}") for file in files)
        if name.endswith("…"):
            return any(function.startswith(name[:-1]) for function in functions)
        return name in ("", *functions) and case.strip("[]") in source

    named = {
        (page.name, name, case)
        for page in (ROOT / "README.md", ROOT / "SECURITY.md", *(ROOT / "docs").rglob("*.md"))
        for name, case in re.findall(r"`(?=test[s_]|\[)(test[^`\[]*|)(\[[^`]*\])?`", page.read_text(encoding="utf-8"))
    }
    assert len(named) > 150
    assert {each for each in named if not exists(*each[1:])} == set()


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__
    # Unreleased code has the next release's number with ".dev", so that nothing built of it is named like a release.
    entry = "Unreleased" if ".dev" in __version__ else __version__
    assert re.search(rf"^## \[{re.escape(entry)}\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets is not None
    for target in set(targets[1].split()) - {"help"}:
        assert f'@echo "make {target} ' in makefile


def test_every_command_that_is_named_runs_the_product_whatever_the_directory_holds() -> None:
    """`python -m` runs the package of that name in the working directory; -P and the installed commands do not."""
    places = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / ".env.example"]
    for folder in ("server", "seed", "sql", "docs"):
        places += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sql", ".md", ".conf")]
    for path in places:
        named = re.findall(r"python3? (?:-\S+ )*-m (?:server|seed)\b", path.read_text(encoding="utf-8"))
        assert [command for command in named if " -P " not in command] == [], path
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(project["scripts"]) == {"retail-mcp", "retail-mcp-seed"}
