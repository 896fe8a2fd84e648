"""The pages of documentation: short where they must be, found from the index, and without a broken link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
INDEX = ROOT / "docs/README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
# Every page in Markdown that a reader can reach.
PAGES = [README, ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *DOCS]
PAGES += [ROOT / "sql/README.md", ROOT / "bench/README.md", ROOT / "tests/relevance/GUIDELINES.md"]
# Directories and suffixes of files whose comments and messages name pages.
SOURCES = ("server", "seed", "sql", "docker", "scripts", "tests", "bench", ".github")
SUFFIXES = {".py", ".sql", ".sh", ".yml", ".toml", ".conf", ".json"}


def named(page: Path) -> str:
    """The page's path from the root, as a test's id and in messages."""
    return page.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    """The text without fenced blocks, in which a bracket is no link and `#` no heading."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and anchor of every relative link of a page."""
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text(encoding="utf-8"))):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings; a repeated heading gets a number."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.+)$", without_code(page.read_text(encoding="utf-8")), re.MULTILINE):
        base = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        anchor, repeated = base, 0
        while anchor in found:
            repeated += 1
            anchor = f"{base}-{repeated}"
        found.add(anchor)
    return found


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_no_link_or_anchor_is_broken(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), f"{named(page)} links to {file}"
        if anchor:
            assert anchor in anchors(file), f"{named(page)} links to {named(file)}#{anchor}"


def test_every_page_is_linked_from_the_readme_or_the_index() -> None:
    linked = {file for file, _ in chain(links(README), links(INDEX))}
    assert [named(page) for page in PAGES if page not in linked] == []


@pytest.mark.parametrize("page", [page for page in DOCS if page.parent.name == "docs"], ids=named)
def test_a_page_begins_with_one_sentence_that_says_who_needs_it(page: Path) -> None:
    title, sentence, *_ = page.read_text(encoding="utf-8").split("\n\n")
    assert re.fullmatch(r"# .+", title)
    assert re.fullmatch(r"For [^.]+\.", sentence), sentence


def test_every_page_that_the_code_names_exists() -> None:
    files = [path for folder in SOURCES for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES]
    files += [
        ROOT / name for name in ("Makefile", "Dockerfile", "docker-compose.yml", "pyproject.toml", ".env.example")
    ]
    mentioned = {
        page for file in files for page in re.findall(r"\bdocs/[\w/-]+\.md\b", file.read_text(encoding="utf-8"))
    }
    assert len(mentioned) > 15
    assert {page for page in mentioned if not (ROOT / page).exists()} == set()


def test_the_glossary_has_each_term_once_in_one_sentence_with_names_that_exist() -> None:
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "docs/glossary.md").read_text("utf-8"), re.M)
    terms = [(term, meaning, names) for term, meaning, names in rows if names != "in code"]
    assert len(terms) > 50
    assert len({term for term, _, _ in terms}) == len(terms)

    folders = ("server", "seed", "sql")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".sql")]
    source = "\n".join(path.read_text(encoding="utf-8") for path in files)
    source += (ROOT / ".env.example").read_text(encoding="utf-8")
    for term, meaning, names in terms:
        assert re.fullmatch(r"[A-Z].*[^.]\.", meaning), term
        assert ". " not in meaning, term
        for name in re.findall(r"`([^`]+)`", names):
            assert re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", source), f"{term}: {name} is not in the code"
