"""Rows of a JSON file: an array of objects, or an object that has such an array by the name of the records."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from server.imports.errors import ImportFileError
from server.imports.reading.json_text import DECODER
from server.imports.reading.rows import SourceRow

_SPACE: Final = re.compile(r"[ \t\n\r]*")


def json_rows(data: bytes, noun: str, ignored: Counter[str]) -> Iterator[SourceRow]:
    """Yield the records one by one; keys beside `noun`, as which they may be wrapped, are counted in `ignored`.

    Raises:
        ImportFileError: It is not UTF-8, not JSON, or has another shape; names line and column.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ImportFileError(f"Line {line} of the file is not UTF-8. Save it in that encoding.") from None
    scanner = _Scanner(text)
    if scanner.takes("["):
        yield from _array(scanner)
    elif scanner.takes("{"):
        yield from _wrapper(scanner, noun, ignored)
    else:
        raise ImportFileError(_shape(noun))
    if not scanner.at_end():
        raise scanner.error("the file goes on after its end")


def _shape(noun: str) -> str:
    return f'An array of {noun} is expected: [{{...}}, {{...}}], or {{"{noun}": [{{...}}, {{...}}]}}.'


def _wrapper(scanner: _Scanner, noun: str, ignored: Counter[str]) -> Iterator[SourceRow]:
    found = False
    while not scanner.takes("}"):
        key = scanner.value()[0]
        if not isinstance(key, str) or not scanner.takes(":"):
            raise scanner.error("a key in quotation marks and a colon are expected")
        if key != noun:
            scanner.value()
            ignored[key] += 1
        elif found or not scanner.takes("["):
            raise ImportFileError(_shape(noun))
        else:
            found = True
            yield from _array(scanner)
        scanner.separator("}")
    if not found:
        raise ImportFileError(f"The file holds an object without {noun!r}. {_shape(noun)}")


def _array(scanner: _Scanner) -> Iterator[SourceRow]:
    number = 0
    while not scanner.takes("]"):
        number += 1
        line = scanner.line()
        value, text = scanner.value()
        problem = None if isinstance(value, dict) else ("is not an object", "Write it as {...}.")
        yield SourceRow(number, line, value, text, problem)
        scanner.separator("]")


class _Scanner:
    """Walks through JSON text, one value at a time."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line, self._counted = 1, 0

    def at_end(self) -> bool:
        self._skip_space()
        return self._position == len(self._text)

    def takes(self, character: str) -> bool:
        """Step over this character if it comes next."""
        self._skip_space()
        if self._text[self._position : self._position + 1] != character:
            return False
        self._position += 1
        return True

    def separator(self, end: str) -> None:
        """Step over a comma that another item follows, or stay before the end."""
        if self.takes(","):
            self._skip_space()
            if self._text[self._position : self._position + 1] == end:
                raise self.error(f"a comma stands before {end}")
        elif self._text[self._position : self._position + 1] != end:
            raise self.error(f"a comma or {end} is expected")

    def value(self) -> tuple[object, str]:
        """Read a value; returns it and how it is written."""
        self._skip_space()
        start = self._position
        try:
            found, self._position = DECODER.raw_decode(self._text, start)
        except json.JSONDecodeError as error:
            self._position = error.pos
            raise self.error(error.msg) from None
        except RecursionError:
            raise self.error("a value is nested too deeply") from None
        except (ValueError, ArithmeticError):
            raise self.error("a number here is none that JSON has") from None
        return found, self._text[start : self._position]

    def line(self) -> int:
        """Line of what comes next."""
        self._skip_space()
        self._line += self._text.count("\n", self._counted, self._position)
        self._counted = self._position
        return self._line

    def error(self, problem: str) -> ImportFileError:
        line = self._text.count("\n", 0, self._position) + 1
        column = self._position - self._text.rfind("\n", 0, self._position)
        return ImportFileError(f"The file is not valid JSON: line {line}, column {column}: {problem}.")

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._position)
        self._position = self._position if found is None else found.end()
