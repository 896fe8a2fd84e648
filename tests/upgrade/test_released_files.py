"""What a release has applied somewhere is never changed: databases that have it would be refused."""

from __future__ import annotations

import re

import pytest

from server.db.migrate import schema_files
from tests.upgrade.releases import ROOT, checksums, recorded

RELEASES = recorded()
FILES = checksums(schema_files())
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def changed_since(released: dict[str, str], files: dict[str, str]) -> list[str]:
    """Why these files are no successors of those."""
    last = max(released, default="")
    faults = [f"{name} is gone" for name in released if name not in files]
    faults += [
        f"{name} was changed: put the change into a new file" for name in released if files.get(name) != released[name]
    ]
    return faults + [f"{name} comes before {last}" for name in files if name not in released and name < last]


def test_files_of_a_release_stay_as_they_are_and_new_ones_come_after_them() -> None:
    """Until the first release is recorded, files may change in place."""
    assert {release.version: changed_since(release.files, FILES) for release in RELEASES} == {
        release.version: [] for release in RELEASES
    }


def test_every_release_is_recorded() -> None:
    """`python -m tests.upgrade.record` does it."""
    dated = set(re.findall(r"^## \[(\d[^]]*)\] - \d{4}-\d{2}-\d{2}$", CHANGELOG, re.MULTILINE))
    assert dated <= {release.version for release in RELEASES}


@pytest.mark.parametrize(
    ("files", "fault"),
    [
        ({"0010_a.sql": "x", "0030_c.sql": "changed"}, ["0030_c.sql was changed: put the change into a new file"]),
        (
            {"0010_a.sql": "x"},
            ["0030_c.sql is gone", "0030_c.sql was changed: put the change into a new file"],
        ),
        ({"0010_a.sql": "x", "0020_b.sql": "y", "0030_c.sql": "z"}, ["0020_b.sql comes before 0030_c.sql"]),
        ({"0010_a.sql": "x", "0030_c.sql": "z", "0040_d.sql": "w"}, []),
    ],
    ids=["changed", "gone", "between", "after"],
)
def test_that_rule_notices(files: dict[str, str], fault: list[str]) -> None:
    assert changed_since({"0010_a.sql": "x", "0030_c.sql": "z"}, files) == fault
