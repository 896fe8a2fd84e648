"""Files that only their owner may read."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.private_files import keep_private, write_private


@pytest.fixture(autouse=True)
def generous_umask() -> object:
    """The mode must not depend on how the process was started."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_written_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "grüße")
    assert mode(path) == 0o600
    assert path.read_text(encoding="utf-8") == "grüße"


def test_writing_replaces_text_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert mode(path) == 0o600


def test_a_kept_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    assert keep_private(path, "first") == "first"
    assert mode(path) == 0o600


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    keep_private(path, "first")
    assert keep_private(path, "second") == "first"
    assert path.read_text() == "first"


def test_many_at_once_agree_on_one_text(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with ThreadPoolExecutor(16) as threads:
        kept = set(threads.map(lambda number: keep_private(path, f"text {number}"), range(64)))
    assert kept == {path.read_text()}


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    write_private(tmp_path / "a", "text")
    keep_private(tmp_path / "b", "text")
    keep_private(tmp_path / "b", "other")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a", "b"]


def test_what_is_no_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    """As root, `--output /dev/null` would otherwise make a file of the device."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_private(pipe, "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "directory", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
