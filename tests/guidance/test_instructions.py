"""What a model is told of the server as a whole: for each kind of question a tool that exists."""

from __future__ import annotations

import re

from server import tools
from server.app import INSTRUCTIONS

NAMES = {function.__name__ for function in tools.discover()}
# Some clients cut what is longer.
LONGEST = 2_048


def test_every_tool_is_named_once_and_nothing_else_looks_like_one() -> None:
    verbs = "|".join(sorted({name.partition("_")[0] for name in NAMES}))
    assert sorted(re.findall(rf"\b(?:{verbs})_[a-z_]+", INSTRUCTIONS)) == sorted(NAMES)


def test_no_client_cuts_them() -> None:
    assert len(INSTRUCTIONS) < LONGEST
