"""Arguments for a tool from its input schema: plausible ones, hostile ones, and mixtures."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SECRET = "hunter2-secret"

Schema = dict[str, Any]
Arguments = dict[str, Any]
Drawn = TypeVar("Drawn")

_FRAGMENTS = (
    "'",
    "' or 1=1 --",
    "'; drop table customers; --",
    "x') union all select * from pg_shadow --",
    "\"; copy customers to program 'id'; --",
    "$1",
    "$$; select pg_sleep(10); $$",
    "%",
    "_%\\",
    "%s%n{0}{x!r}${RETAIL_CONTEXT_KEY}",
    "\0",
    "a\0b",
    "\u202egnp.exe\u2066\u2069",
    "\ufeff\u200b\u200d",
    "\U0001f984" * 20,
    "e\u0301" * 20,
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "postgresql://user:pass@host/db",
    "\r\nAuthorization: Bearer x",
    "NaN",
    "1e400",
    "9999-12-31",
    "-infinity",
    "A" * 2_000,
    "\u0101" * 60_000,
)
# What the seeded shops have, so that calls also get as far as the database's answers.
_KNOWN = ("seattle", "redmond", "SKU-1", "SKU-2", "SEATTLE-1", "Lamp", "Grace", "gold", "of seattle", "555-0100")
_NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**63, -(2**63) - 1, 10**400, 0.1, -0.0, 1e308, 5e-324)

_texts = st.one_of(
    st.sampled_from(_FRAGMENTS),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
).map(lambda text: f"{SECRET}{text}")
_numbers = st.one_of(st.sampled_from(_NUMBERS), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
_hostile = st.recursive(
    st.one_of(_texts, _numbers, st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=2)),
    max_leaves=5,
)
_huge: st.SearchStrategy[Any] = st.sampled_from([[SECRET] * 10_000, {SECRET: [[[[[[SECRET]]]]]]}, "x" * 300_000])


def arguments(schema: Schema) -> st.SearchStrategy[Arguments]:
    """Arguments for a tool: mostly of the right types, some with hostile values, some with unknown keys."""
    properties = {
        name: _like(described, schema.get("$defs", {})) for name, described in schema.get("properties", {}).items()
    }
    required = [name for name in properties if name in schema.get("required", ())]
    optional = [name for name in properties if name not in required]
    # Few at a time: each of them can be what the call is refused for.
    some = st.lists(st.sampled_from(optional), max_size=3, unique=True) if optional else st.just([])
    plausible = some.flatmap(
        lambda chosen: st.fixed_dictionaries({name: properties[name] for name in (*required, *chosen)})
    )
    names = st.sampled_from(sorted(properties)) if properties else _texts
    spoilt = st.tuples(
        plausible,
        st.dictionaries(st.one_of(names, names, _texts), st.one_of(_hostile, _hostile, _huge), min_size=1, max_size=2),
    ).map(lambda both: both[0] | both[1])
    incomplete = st.dictionaries(names, _hostile, max_size=2)
    return st.one_of(plausible, plausible, plausible, spoilt, spoilt, incomplete)


def calls_of(tools: Iterable[Any]) -> st.SearchStrategy[tuple[str, Arguments]]:
    """Calls of every tool that is listed, in equal shares, and now and then of one that does not exist."""
    by_tool = [st.tuples(st.just(tool.name), arguments(tool.input_schema)) for tool in tools]
    unknown = st.tuples(st.sampled_from([SECRET, "select 1 from x", "a" * 5_000, ""]), st.just({"store_id": SECRET}))
    return st.one_of(*by_tool, unknown)


def examples(strategy: st.SearchStrategy[Drawn], count: int, number: int) -> list[Drawn]:
    """That many examples, the same ones whenever the number is the same."""
    found: list[Drawn] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Drawn) -> None:
        found.append(example)

    collect()
    return found


def _like(schema: Schema, definitions: dict[str, Schema]) -> st.SearchStrategy[Any]:
    """Values of the described type, most of them within its limits."""
    if "$ref" in schema:
        return _like(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return st.one_of(*(_like(part, definitions) for part in schema[union]))
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return _strings(schema)
        case "integer":
            return st.integers(schema.get("minimum", 0), schema.get("maximum", 100))
        case "number":
            return st.one_of(st.integers(0, 100), st.floats(0, 1000), st.sampled_from(_NUMBERS))
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(_like(schema.get("items", {}), definitions), min_size=1, max_size=3)
        case _:
            return _hostile


def _strings(schema: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date":
        near = st.dates(date(2025, 1, 1), date(2027, 12, 31))
        return st.one_of(near, near, st.dates()).map(date.isoformat)
    if schema.get("format") == "uuid":
        return st.uuids().map(str)
    longest = schema.get("maxLength", 200)
    return st.one_of(st.sampled_from(_KNOWN), _texts.map(lambda text: text[:longest]))
