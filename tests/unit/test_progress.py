"""Bars are for who watches: nothing of them reaches a mail of cron, a log or a pipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import seed
import server
from server.console.progress import bar, status


def work() -> None:
    with bar("Reading", 10) as show, status() as say:
        show("Reading", 5, 10)
        say("analysing")


def test_nothing_is_shown_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    work()
    assert capsys.readouterr() == ("", "")


def test_it_is_shown_on_standard_error_of_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TTY_INTERACTIVE", "1")
    work()
    out, err = capsys.readouterr()
    assert out == ""
    assert "5/10" in err


def test_there_is_one_place_that_decides() -> None:
    shows = {
        path.name
        for package in (server, seed)
        for path in Path(package.__path__[0]).rglob("*.py")
        if re.search(r"rich\.(progress|live|status)|\.status\(\"", path.read_text(encoding="utf-8"))
    }
    assert shows == {"progress.py"}
