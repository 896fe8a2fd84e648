"""Fixtures of the protocol tests."""

from __future__ import annotations

import pytest

from tests.protocol.npm import Programs


@pytest.fixture(scope="session")
async def programs() -> Programs:
    """The conformance suite and the Inspector."""
    return await Programs.installed()
