"""Resources about a store. Each is a tool's answer, asked for by address.

Reading one is calling that tool: the same identity, limits, store scope and entry in the audit log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastmcp import Context
from fastmcp.dependencies import CurrentContext
from fastmcp.resources import ResourceContent, ResourceResult, resource

from server.calls.principal import Scope
from server.errors import InvalidInputError, StoreNeededError
from server.toolkit.annotations import requires_scope
from server.toolkit.tool_errors import CallFailure, to_tool_error

_JSON = "application/json"
_TOOLS = {"categories": "list_categories", "freshness": "get_store_context", "schema": "get_schema"}
_Reader = TypeVar("_Reader", bound=Callable[..., Awaitable[ResourceResult]])


async def _answer(context: Context, name: str, store_id: str | None) -> ResourceResult:
    """A tool's answer as JSON, for the caller's own store unless one is named; errors are the tool's."""
    try:
        result = await context.fastmcp.call_tool(_TOOLS[name], {} if store_id is None else {"store_id": store_id})
    except CallFailure as failure:
        if not isinstance(failure.error, StoreNeededError):
            raise
        # A tool has an argument for it, a resource another address.
        stores = failure.error.stores
        raise to_tool_error(
            InvalidInputError(
                f"You have access to several stores ({', '.join(stores)}). Read retail://stores/STORE/{name} to say "
                f"which one is meant, for example retail://stores/{stores[0]}/{name}."
            )
        ) from None
    return ResourceResult([ResourceContent(result.structured_content, mime_type=_JSON)])


def _about_store(uri: str, title: str, scope: Scope) -> Callable[[_Reader], _Reader]:
    return resource(uri, title=title, mime_type=_JSON, meta=requires_scope(scope))


@_about_store("retail://categories", "Categories of your store", "retail:read")
async def categories(context: Context = CurrentContext()) -> ResourceResult:
    """Categories that your store sells in, with product counts and price ranges, as list_categories gives them."""
    return await _answer(context, "categories", None)


@_about_store("retail://stores/{store_id}/categories", "Categories of a store", "retail:read")
async def categories_of_store(store_id: str, context: Context = CurrentContext()) -> ResourceResult:
    """The same for another store of yours."""
    return await _answer(context, "categories", store_id)


@_about_store("retail://freshness", "How fresh your store's data is", "retail:read")
async def freshness(context: Context = CurrentContext()) -> ResourceResult:
    """First and last day with a receipt, today's date, and how many products lack an embedding."""
    return await _answer(context, "freshness", None)


@_about_store("retail://stores/{store_id}/freshness", "How fresh a store's data is", "retail:read")
async def freshness_of_store(store_id: str, context: Context = CurrentContext()) -> ResourceResult:
    """The same for another store of yours."""
    return await _answer(context, "freshness", store_id)


@_about_store("retail://schema", "Tables for SQL", "retail:sql")
async def schema(context: Context = CurrentContext()) -> ResourceResult:
    """Tables, columns and joins that run_query reads, with examples from your store, as get_schema gives them."""
    return await _answer(context, "schema", None)


@_about_store("retail://stores/{store_id}/schema", "Tables for SQL of a store", "retail:sql")
async def schema_of_store(store_id: str, context: Context = CurrentContext()) -> ResourceResult:
    """The same with examples from another store of yours."""
    return await _answer(context, "schema", store_id)
