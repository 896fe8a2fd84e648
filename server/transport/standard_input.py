"""Standard input with a bound on the length of a line."""

from __future__ import annotations

import fcntl
import io
import os
import sys

from server.errors import ConfigurationError

TRUNCATED = "\0"
"""Ends a line of which the rest was dropped; no JSON has it."""
_ABOVE_THE_STANDARD_STREAMS = 3


def limit_line_length(max_bytes: int) -> None:
    """Drop the rest of each long line of `sys.stdin` from here on: the SDK would keep all of a line that never ends.

    File descriptor 0 becomes the null device, so that no process started from here reads what is meant for this one.

    Args:
        max_bytes: Longest line, without its end. Of a longer one the beginning is read, and then TRUNCATED.

    Raises:
        ConfigurationError: There is no standard input.
    """
    if sys.stdin is None:
        raise ConfigurationError("There is no standard input to read requests from. Start this command from a client.")
    descriptor = fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, _ABOVE_THE_STANDARD_STREAMS)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(LimitedLines(descriptor, max_bytes)), encoding="utf-8")


class LimitedLines(io.RawIOBase):
    """The bytes of a file descriptor, without the rest of each long line.

    Args:
        descriptor: Read from.
        max_bytes: See `limit_line_length`.
    """

    def __init__(self, descriptor: int, max_bytes: int) -> None:
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        # Of the line so far; one more than the limit once it is truncated.
        self._length = 0

    def readable(self) -> bool:
        """Part of io.RawIOBase."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Part of io.RawIOBase."""
        while data := os.read(self._descriptor, len(buffer)):
            if kept := self._kept(data):
                buffer[: len(kept)] = kept
                return len(kept)
        return 0

    def _kept(self, data: bytes) -> bytes:
        first, *others = data.split(b"\n")
        kept = [self._limited(first)]
        for piece in others:
            self._length = 0
            kept.append(self._limited(piece))
        return b"\n".join(kept)

    def _limited(self, piece: bytes) -> bytes:
        room = self._max_bytes - self._length
        self._length = min(self._length + len(piece), self._max_bytes + 1)
        if len(piece) <= room:
            return piece
        return piece[:room] + TRUNCATED.encode() if room >= 0 else b""
