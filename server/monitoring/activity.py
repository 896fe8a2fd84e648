"""What the process is about: calls under way, and whether it has been told to stop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Activity:
    """The state of one server process.

    Attributes:
        calls: Tool calls under way.
        draining: True from the signal to stop on: whoever balances should send nothing more.
    """

    calls: int = 0
    draining: bool = False
