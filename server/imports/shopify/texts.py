"""Texts as Shopify writes them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

_BLOCKS: Final = frozenset(("p", "div", "br", "li", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "h6"))
_UNREAD: Final = frozenset(("script", "style"))
_BLANKS: Final = re.compile(r"[ \t\xa0]+")
_LINES: Final = re.compile(r"\s*\n\s*")


class _Text(HTMLParser):
    """Collects what a reader of the page sees."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in _UNREAD
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in _UNREAD
        if tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            self.parts.append(data)


def plain(html: object) -> object:
    """What a description says, without its tags; each paragraph is a line."""
    if not isinstance(html, str) or ("<" not in html and "&" not in html):
        return html
    reader = _Text()
    reader.feed(html)
    reader.close()
    return _LINES.sub("\n", _BLANKS.sub(" ", "".join(reader.parts))).strip()


def provided(value: object) -> str:
    """A cell without blanks around it; empty where there is none."""
    return value.strip() if isinstance(value, str) else ""


def unquoted(value: object) -> object:
    """A cell without the apostrophe that keeps spreadsheet programs from reading a number."""
    return value.strip().removeprefix("'") if isinstance(value, str) else value
