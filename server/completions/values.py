"""Completes the arguments that prompts and resource templates share, from what the caller may see."""

from __future__ import annotations

from typing import Any

import mcp_types
from fastmcp import Context, FastMCP
from fastmcp.server.completions import MAX_COMPLETION_VALUES, CompletionReference

from server.auth.current import current_principal
from server.db.queries import Query, QueryFile
from server.errors import UserError
from server.middleware.protocol_errors import ProtocolError, protocol_error
from server.tenancy.dependencies import scopes_of
from server.tenancy.store_scope import StoreScopes
from server.toolkit.results import Result


class _ValueRow(Result):
    """Columns of categories and of brands."""

    value: str
    total: int


# No category, brand or store is longer.
_LONGEST = 100
QUERIES = QueryFile("server.completions")
_LISTS: dict[str, Query[_ValueRow]] = {
    "category": QUERIES.query("complete_category", _ValueRow),
    "brand": QUERIES.query("complete_brand", _ValueRow),
}


async def complete(
    server: FastMCP[Any],
    reference: CompletionReference,
    argument: mcp_types.CompletionArgument,
    given: mcp_types.CompletionContext | None,
) -> mcp_types.Completion:
    """Values that begin with what was typed, in any case, at most a hundred; none for an argument of free text.

    The argument's name decides: it means the same in every prompt and template. Whatever keeps the caller out of
    the store keeps the values from them, without an error: what is typed may not be a store yet.

    Raises:
        ProtocolError: The prompt or template has no such argument.
    """
    async with Context(fastmcp=server) as context:
        try:
            principal = await current_principal(context)
        except UserError as error:
            raise protocol_error(error) from None
        await _check_argument(server, reference, argument.name)
        typed = argument.value.strip().lower()
        if len(typed) > _LONGEST:
            return _offer([], 0)
        store_id = (given.arguments or {}).get("store_id") if given is not None else None
        try:
            if argument.name == "store_id":
                found = [access.store_id for access in principal.stores if access.store_id.startswith(typed)]
                return _offer(found[:MAX_COMPLETION_VALUES], len(found))
            if argument.name in _LISTS:
                return await _listed(scopes_of(principal, context), _LISTS[argument.name], typed, store_id or None)
        except UserError:
            return _offer([], 0)
    return _offer([], 0)


async def _check_argument(server: FastMCP[Any], reference: CompletionReference, argument: str) -> None:
    """Refuse an argument that the prompt or template does not have; that there is one, the middleware has checked."""
    if isinstance(reference, mcp_types.PromptReference):
        prompt = await server.get_prompt(reference.name)
        assert prompt is not None
        name, has = prompt.name, [each.name for each in prompt.arguments or ()]
    else:
        template = await server.get_resource_template(reference.uri)
        assert template is not None
        name, has = template.uri_template, list(template.parameters["properties"])
    if argument not in has:
        raise ProtocolError(f"{name} has no argument of that name. It has: {', '.join(has)}.")


async def _listed(
    scopes: StoreScopes, query: Query[_ValueRow], typed: str, store_id: str | None
) -> mcp_types.Completion:
    async with scopes.enter(store_id) as store:
        rows = await store.db.all(query, typed, MAX_COMPLETION_VALUES)
    return _offer([row.value for row in rows], rows[0].total if rows else 0)


def _offer(values: list[str], total: int) -> mcp_types.Completion:
    return mcp_types.Completion(values=values, total=total, has_more=total > len(values))
