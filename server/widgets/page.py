"""One page out of the source files beside this module; there is nothing to build or to install."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from string import Template


def page(title: str, *, styles: Sequence[str], scripts: Sequence[str]) -> str:
    """A page that holds its styles and scripts, so that it needs nothing from anywhere."""
    return Template(_source("page.html")).substitute(title=title, style=_sources(styles), script=_sources(scripts))


def _sources(names: Sequence[str]) -> str:
    return "\n".join(_source(name) for name in names)


def _source(name: str) -> str:
    return resources.files("server.widgets").joinpath(name).read_text(encoding="utf-8").strip()
