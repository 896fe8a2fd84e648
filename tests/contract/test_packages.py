"""The packages of the server: few, in few storeys, with no arrow up."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
MOST_STOREYS = 8


def packages() -> dict[str, set[str]]:
    """Each package of the server with those that it imports; app and errors are modules, and stand between."""
    graph = grimp.build_graph("server", cache_dir=None)
    imported: dict[str, set[str]] = {}
    for module in graph.modules - {"server", "server.__main__"}:
        own = module.split(".")[1]
        others = {name.split(".")[1] for name in graph.find_modules_directly_imported_by(module) if name != "server"}
        imported.setdefault(own, set()).update(others - {own})
    return imported


def test_the_longest_chain_of_imports_is_short() -> None:
    imported = packages()

    @cache
    def longest(name: str) -> tuple[str, ...]:
        below = max((longest(other) for other in sorted(imported[name])), key=len, default=())
        return (name, *below) if (ROOT / "server" / name).is_dir() else below

    chain = max(map(longest, imported), key=len)
    assert len(chain) <= MOST_STOREYS, " > ".join(chain)


def test_every_module_is_in_a_package() -> None:
    """Besides those that everything begins or ends with."""
    loose = {path.stem for path in (ROOT / "server").glob("*.py")}
    assert loose == {"__init__", "__main__", "app", "errors"}
