"""Lines of standard input have a bound; whatever the pieces they come in, the same is read."""

from __future__ import annotations

import io
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.transport.standard_input import TRUNCATED, LimitedLines

LIMIT = 5


def read(pieces: list[bytes], size: int = 64) -> bytes:
    """What is read of pieces that are written one after the other."""
    reading, writing = os.pipe()

    def write() -> None:
        for piece in pieces:
            os.write(writing, piece)
        os.close(writing)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return io.BufferedReader(LimitedLines(reading, LIMIT), size).read()
    finally:
        thread.join()
        os.close(reading)


def limited(line: bytes) -> bytes:
    return line if len(line) <= LIMIT else line[:LIMIT] + TRUNCATED.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", b""),
        (b"12345\n", b"12345\n"),
        (b"123456\n", b"12345\0\n"),
        (b"1234567890123\n12\n", b"12345\0\n12\n"),
        (b"123456", b"12345\0"),
        (b"\n\n1\n", b"\n\n1\n"),
    ],
)
def test_a_long_line_loses_its_rest(text: bytes, expected: bytes) -> None:
    assert read([text]) == expected


@given(st.lists(st.text("1\n", max_size=20).map(str.encode)), st.integers(1, 30))
def test_no_matter_where_the_pieces_end(pieces: list[bytes], size: int) -> None:
    lines = b"".join(pieces).split(b"\n")
    assert read(pieces, size) == b"\n".join(map(limited, lines))
