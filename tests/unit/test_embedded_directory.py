"""Where the embedded database may live when root runs it: no closed directory is ever opened."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.db.embedded import embedded_server
from server.errors import ConfigurationError

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's database opens nothing")


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory of the test's own that everybody may enter, unlike pytest's."""
    directory = Path(tempfile.mkdtemp(prefix="retail-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def closed_directory(path: Path) -> Path:
    path.mkdir()
    path.chmod(0o700)
    return path


def refusal(data_dir: Path) -> str:
    with pytest.raises(ConfigurationError) as refused, embedded_server(data_dir):
        pass
    return str(refused.value)


def is_closed(directory: Path) -> bool:
    return stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_below_a_closed_directory_it_is_refused(public: Path) -> None:
    closed = closed_directory(public / "home")
    message = refusal(closed / "retail")
    assert str(closed) in message
    assert "RETAIL_DATA_DIR" in message
    assert is_closed(closed)
    assert list(closed.iterdir()) == []


def test_a_closed_directory_further_up_counts_too(public: Path) -> None:
    closed = closed_directory(public / "home")
    open_again = closed / "share"
    open_again.mkdir(mode=0o755)
    assert str(closed) in refusal(open_again / "retail")
    assert is_closed(closed)
    assert list(open_again.iterdir()) == []


def test_somebody_elses_closed_directory_is_refused(public: Path) -> None:
    closed = closed_directory(public / "photos")
    (closed / "holiday.jpg").touch()
    assert str(closed) in refusal(closed)
    assert is_closed(closed)
    assert [entry.name for entry in closed.iterdir()] == ["holiday.jpg"]


def test_a_link_into_a_closed_directory_is_refused(public: Path) -> None:
    """What counts is where the data really lies."""
    closed = closed_directory(public / "home")
    (closed / "retail").mkdir(mode=0o755)
    (public / "link").symlink_to(closed / "retail")
    message = refusal(public / "link")
    assert str(closed) in message
    assert is_closed(closed)


def test_a_file_in_its_place_is_refused(public: Path) -> None:
    (public / "retail").touch()
    assert "RETAIL_DATA_DIR" in refusal(public / "retail")


def test_a_file_above_it_is_refused(public: Path) -> None:
    (public / "file").touch(mode=0o755)
    assert "RETAIL_DATA_DIR" in refusal(public / "file" / "retail")
