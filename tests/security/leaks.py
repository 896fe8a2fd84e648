"""What no response may hold, whatever was asked and whatever broke."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from tests.security.fuzzing import SECRET

# In no response at all, whatever was asked.
NEVER = re.compile(
    r"\b(retail|guard|audit|migrations|pg_catalog|information_schema)\.\w"
    r"|set_store_context|match_customers|search_products_by_similarity|customer_card|customer_scores|phone_key|sales_transaction_items"
    r"|asyncpg|psycopg|pydantic|Traceback|SQLSTATE|mcp_user|rmcp_|server/\w+\.py|site-packages"
)
# In no refusal; an answer may repeat the caller's own text, which can look like this.
NEVER_IN_REFUSALS = re.compile(
    r"\bselect\b.*\bfrom\b|\binsert into\b|\bupdate\b.*\bset\b|\bdelete from\b|\bunion\b|postgresql://"
    r"|\brelation\b|\bcolumn\b|syntax error|invalid input syntax|violates|permission denied|canceling statement"
    r"|out of range|byte sequence|row-level security|connection to server|Exception\b|Error\b|\bNone\b",
    re.IGNORECASE | re.DOTALL,
)
# Longer, a refusal would be a dump of something.
_LONGEST_REFUSAL = 1_500


@cache
def query_lines() -> Sequence[str]:
    """Lines of our own SQL that nothing else would contain."""
    found: set[str] = set()
    packages = ["server"]
    while packages:
        package = packages.pop()
        for entry in resources.files(package).iterdir():
            if entry.is_dir() and entry.joinpath("__init__.py").is_file():
                packages.append(f"{package}.{entry.name}")
            elif entry.name.endswith(".sql"):
                found.update(line.strip() for line in entry.read_text(encoding="utf-8").splitlines())
    lines = [line for line in found if len(line) >= 20 and not line.startswith("--")]
    assert len(lines) > 100
    return lines


def assert_tells_nothing(text: str, *, refused: bool, secrets: Sequence[str], call: str) -> None:
    """Nothing of what is behind the tools; in a refusal not even what the caller sent."""
    told = f"{call[:300]}\n{text[:600]}"
    assert not NEVER.search(text), told
    assert not [secret for secret in (*secrets, *query_lines()) if secret in text], told
    if refused:
        assert not NEVER_IN_REFUSALS.search(text), told
        assert SECRET not in text, told
        assert len(text) < _LONGEST_REFUSAL, told
