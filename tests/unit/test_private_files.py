"""Files that only their owner may read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.process.private_files import keep_private, replace_secret, write_private


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


def test_a_device_stays_one(tmp_path: Path) -> None:
    """Another than the machine's own: one that is replaced is gone for everybody."""
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        device.write_text("")
    except PermissionError:
        pytest.skip("this user, or this file system, has no devices")
    write_private(device, "text")
    assert device.is_char_device()


def test_a_link_stays_and_what_it_leads_to_is_its_owners_alone(tmp_path: Path) -> None:
    """/dev/stdout is a link, to a file as soon as a shell's > is used."""
    target, link, new, dangling = (tmp_path / name for name in ("target", "link", "new", "dangling"))
    target.write_text("what was there")
    target.chmod(0o644)
    inode = target.stat().st_ino
    link.symlink_to(target)
    dangling.symlink_to(new)
    write_private(link, "text")
    write_private(dangling, "text")
    assert link.is_symlink()
    assert dangling.is_symlink()
    for file in (target, new):
        assert (file.read_text(), mode(file)) == ("text", 0o600)
    assert target.stat().st_ino == inode


def test_a_file_behind_standard_output_is_written_on(tmp_path: Path) -> None:
    link = tmp_path / "stdout"
    link.symlink_to("/proc/self/fd/1")
    write = "import sys, pathlib\nfrom server.process.private_files import write_private\nprint('before')\n"
    write += "write_private(pathlib.Path(sys.argv[1]), 'text\\n')\nprint('after')"
    with (tmp_path / "file").open("w") as file:
        subprocess.run([sys.executable, "-c", write, str(link)], stdout=file, check=True, timeout=60)
    assert link.is_symlink()
    assert (tmp_path / "file").read_text() == "before\ntext\nafter\n"


def test_a_secret_behind_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    replace_secret(link, "new")
    assert link.is_symlink()
    assert (target.read_text(), mode(target)) == ("new", 0o640)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_secret_never_takes_the_place_of_something_else(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "odd"
    make(path)
    with pytest.raises(OSError, match="Not a file"):
        replace_secret(path, "text")
    assert not path.is_file()
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError):
        write_private(tmp_path / "directory", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
