"""A directory for a server of a test's own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def directory() -> Iterator[Path]:
    """One that everybody may enter, so that the server's own user can when root runs the tests."""
    directory = Path(tempfile.mkdtemp(prefix="retail-test-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)
