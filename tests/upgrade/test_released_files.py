"""A versioned file that a release has applied somewhere is never changed: databases that have it would be refused."""

from __future__ import annotations

import re

import pytest

from server.db.migrate import schema_files
from tests.upgrade.releases import ROOT, checksums, recorded

RELEASES = recorded()
FILES = checksums(schema_files())
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def changed_since(released: dict[str, str], files: dict[str, str]) -> list[str]:
    """Why these files are no successors of those.

    A server tells by the versioned files alone that a database is newer than itself. So repeatable files change
    together with them: else the server before would take the change back.
    """
    old, new = versioned(released), versioned(files)
    last = max(old, default="")
    faults = [f"{name} is gone" for name in old if name not in new]
    faults += [f"{name} was changed: put the change into a new file" for name in old if new.get(name) != old[name]]
    faults += [f"{name} comes before {last}" for name in new if name not in old and name < last]
    if files != released and new == old:
        faults.append("repeatable files changed, and no versioned one was added: add one that says what changes")
    return faults


def versioned(files: dict[str, str]) -> dict[str, str]:
    return {name: sha256 for name, sha256 in files.items() if name.startswith("versioned/")}


def test_files_of_a_release_stay_as_they_are_and_new_ones_come_after_them() -> None:
    """Until the first release is recorded, files may change in place."""
    assert {release.version: changed_since(release.files, FILES) for release in RELEASES} == {
        release.version: [] for release in RELEASES
    }


def test_every_release_is_recorded() -> None:
    """`python -m tests.upgrade.record` does it."""
    dated = set(re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG, re.MULTILINE))
    assert dated <= {release.version for release in RELEASES}


A, B, C, D = (f"versioned/00{number}0.sql" for number in (1, 2, 3, 4))
VIEWS, GRANTS = "repeatable/0050_views.sql", "repeatable/0090_grants.sql"
RELEASED = {A: "x", C: "z", VIEWS: "v", GRANTS: "g"}


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        (RELEASED | {C: "changed"}, [f"{C} was changed: put the change into a new file"]),
        (
            {A: "x", VIEWS: "v", GRANTS: "g"},
            [f"{C} is gone", f"{C} was changed: put the change into a new file"],
        ),
        (RELEASED | {B: "y"}, [f"{B} comes before {C}"]),
        (RELEASED | {D: "w"}, []),
        (
            RELEASED | {VIEWS: "changed"},
            ["repeatable files changed, and no versioned one was added: add one that says what changes"],
        ),
        ({A: "x", C: "z", D: "w", VIEWS: "changed"}, []),
        (RELEASED, []),
    ],
    ids=["changed", "gone", "between", "after", "repeatable alone", "repeatable with a versioned one", "the same"],
)
def test_that_rule_notices(files: dict[str, str], fault: list[str]) -> None:
    assert changed_since(RELEASED, files) == fault
