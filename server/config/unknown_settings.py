"""Names that look like settings and are none: a misspelt one would leave its default in force, unnoticed."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

# For programs beside the product, such as its tests and benchmarks, which share its environment.
_RESERVED: Final = ("TEST_", "BENCH_")
# What Kubernetes sets in a container for a service named retail-something. Source: its documentation, Service,
# "Environment variables".
_SERVICE_LINK: Final = re.compile(r"\w*SERVICE_(HOST|PORT(_\w+)?)|\w*PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_SERVICE_PORT: Final = re.compile("(tcp|udp|sctp)://")


def unknown_settings(known: Collection[str], prefix: str, *, env_file: Path | None, secrets_dir: Path) -> list[str]:
    """Sentences about names that begin like a setting and are none, each with the setting that is most like it.

    Args:
        known: Names of all settings, upper case.
        prefix: How they begin.
        env_file: A file that settings are read from too.
        secrets_dir: A directory with a file per setting.

    Raises:
        OSError, UnicodeDecodeError: The file cannot be read.
    """
    found = []
    for name, place in _given(env_file, secrets_dir):
        upper = name.upper()
        if upper in known or not upper.startswith(prefix) or upper.removeprefix(prefix).startswith(_RESERVED):
            continue
        if place == "" and _is_service_link(upper.removeprefix(prefix), os.environ[name]):
            continue
        near = difflib.get_close_matches(upper, known, n=1)
        found.append(f"{upper}{place} is no setting{f'; did you mean {near[0]}?' if near else '.'}")
    return found


def _given(env_file: Path | None, secrets_dir: Path) -> Iterator[tuple[str, str]]:
    """Every name that is set, and where if not in the environment."""
    for name in sorted(os.environ):
        yield name, ""
    if env_file is not None and env_file.is_file():
        for name in dotenv_values(env_file, interpolate=False):
            yield name, f" in {env_file}"
    if secrets_dir.is_dir():
        for path in sorted(secrets_dir.iterdir()):
            yield path.name, f" in {secrets_dir}"


def _is_service_link(name: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or (name.endswith("PORT") and _SERVICE_PORT.match(value)))
