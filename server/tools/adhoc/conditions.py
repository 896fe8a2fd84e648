"""WHERE in SQL of a caller: where a subquery of IN or EXISTS may stand, so that PostgreSQL joins it.

PostgreSQL joins such a subquery when it is one of the conditions that AND combines, and a join keeps to `work_mem`.
Anywhere else it gathers the subquery's values in a hash table that neither a setting nor the size of its rows bounds,
wherever its estimate of their number is low: 290 MB in 1.3 seconds.

Source:
    PostgreSQL 18, src/backend/optimizer: pull_up_sublinks, convert_ANY_sublink_to_join, subplan_is_hashable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from server.tools.adhoc.expressions import Expressions, Place, gathers_too_much
from server.tools.adhoc.lexer import Kind, Token
from server.tools.adhoc.scope import Fields, Tables, all_fields
from server.tools.adhoc.vocabulary import KEYWORDS, TYPES, words

# What makes something else than a condition that AND combines of what is around it.
_COMPARING = frozenset(("=", "<>", "!=", "<", ">", "<=", ">="))
_COMBINED = words("or not case when then else end is between like ilike in")
_BEHIND = words("and")


class Conditions(Expressions):
    """Reads WHERE."""

    def where(self, place: Place, tables: Tables, end: frozenset[str]) -> None:
        """Read the condition of a query.

        Args:
            place: Where it stands.
            tables: The tables of its FROM.
            end: Keywords that end it.

        Raises:
            InvalidInputError: It may not run.
        """
        operand, began = False, self.position
        gathering: Token | None = None
        is_either = False
        # Put together once: a text may have many tables, and many conditions.
        own = all_fields(tables)
        while not self.ends(end):
            token = self.now
            if token.is_word("or"):
                is_either = True
            if token.is_mark("(") and self.gathers():
                gathering = gathering or token
                self._check_joined(self.tokens[began : self.position], tables, own)
                operand = self.piece(replace(place, joined=True), operand)
                if not (self.ends(end) or self.is_word(_BEHIND)):
                    raise gathers_too_much(token)
            else:
                operand = self.piece(place, operand)
            if token.is_word("and"):
                began = self.position
        if gathering is not None and is_either:
            raise gathers_too_much(gathering)

    def _check_joined(self, condition: Sequence[Token], tables: Tables, own: Fields) -> None:
        """Whether the subquery that comes next is joined, by what stands before it in its condition.

        Raises:
            InvalidInputError: It is not.
        """
        *before, word = condition
        if word.is_word("exists"):
            if [token for token in before if not token.is_word("not")]:
                raise gathers_too_much(self.now)
            return
        if not word.is_word("in") or any(_combines(token) for token in before):
            raise gathers_too_much(self.now)
        for place, token in enumerate(before):
            after = condition[place + 1]
            if after.is_mark(".") and token.text in tables:
                return
            if _is_name(token, before[place - 1] if place else None, after) and token.text in own:
                return
        raise gathers_too_much(self.now)


def _is_name(token: Token, before: Token | None, after: Token) -> bool:
    """True for a name that can only be a field: no call, no type, no table, and nothing behind a dot."""
    if before is not None and (before.is_mark(".") or before.is_mark("::")):
        return False
    if after.is_mark("(") or after.is_mark(".") or after.kind is Kind.TEXT:
        return False
    return token.kind is Kind.NAME or (token.kind is Kind.WORD and token.text not in KEYWORDS | TYPES)


def _combines(token: Token) -> bool:
    if token.kind is Kind.OPERATOR:
        return token.text in _COMPARING
    return token.kind is Kind.WORD and token.text in _COMBINED
