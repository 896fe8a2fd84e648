"""Finds out who is asking, and keeps from them what their scopes do not cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, cast, get_args

import mcp_types
from fastmcp import Context, FastMCP
from fastmcp.exceptions import NotFoundError
from fastmcp.prompts.base import Prompt, PromptResult
from fastmcp.resources.base import Resource, ResourceResult
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import Tool, ToolResult
from pydantic import ValidationError

from server.auth.current import current_principal
from server.calls.call import current_call
from server.calls.principal import SCOPE_META, Scope
from server.errors import UserError
from server.middleware.protocol_errors import ProtocolError, protocol_error


class _Offered(Protocol):
    """What FastMCP's tools, resources, templates and prompts have in common."""

    @property
    def meta(self) -> dict[str, Any] | None: ...


Component = TypeVar("Component", bound=_Offered)
_SCOPES = frozenset(get_args(Scope))
_UNKNOWN_PROMPT = "Unknown prompt. prompts/list names the prompts there are."
# With a store's name of 40 characters, each of them escaped, no resource's has more than 160.
_LONGEST_ADDRESS = 1_000


class CallIdentity(Middleware):
    """Settles identity once per request, the same way over HTTP and on stdio, before any argument is looked at.

    What is outside the caller's scopes is not listed, and asking for it is asking for what does not exist.
    FastMCP's own checks would say the same over HTTP, but it skips them on stdio.
    """

    def __init__(self) -> None:
        # Tools are few and do not change, so that this stays small.
        self._needs: dict[str, Scope] = {}

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the call as its principal."""
        call = current_call.get()
        principal = await current_principal(context.fastmcp_context)
        call.identify(principal)
        name = context.message.name
        needed = self._needs.get(name)
        if needed is None:
            needed = self._needs[name] = _needed_by(await _server(context).get_tool(name))
        if needed not in principal.scopes:
            raise NotFoundError(name)
        call.require(needed)
        return await call_next(context)

    async def on_list_tools(
        self,
        context: MiddlewareContext[mcp_types.ListToolsRequest],
        call_next: CallNext[mcp_types.ListToolsRequest, Sequence[Tool]],
    ) -> Sequence[Tool]:
        """List the tools that the caller may call."""
        return await _within_scopes(context, call_next)

    async def on_list_resources(
        self,
        context: MiddlewareContext[mcp_types.ListResourcesRequest],
        call_next: CallNext[mcp_types.ListResourcesRequest, Sequence[Resource]],
    ) -> Sequence[Resource]:
        """List the resources that the caller may read."""
        return await _within_scopes(context, call_next)

    async def on_list_resource_templates(
        self,
        context: MiddlewareContext[mcp_types.ListResourceTemplatesRequest],
        call_next: CallNext[mcp_types.ListResourceTemplatesRequest, Sequence[ResourceTemplate]],
    ) -> Sequence[ResourceTemplate]:
        """List the templates that the caller may read from."""
        return await _within_scopes(context, call_next)

    async def on_list_prompts(
        self,
        context: MiddlewareContext[mcp_types.ListPromptsRequest],
        call_next: CallNext[mcp_types.ListPromptsRequest, Sequence[Prompt]],
    ) -> Sequence[Prompt]:
        """List the prompts that the caller may use."""
        return await _within_scopes(context, call_next)

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Read what the caller may read."""
        server, uri = _server(context), str(context.message.uri)
        _check_address(uri)
        found = await server.get_resource(uri) or await server.get_resource_template(uri)
        # The specification wants the address back, outside of the message.
        await _require(
            context,
            found,
            "Resource not found.",
            {"uri": uri},
        )
        return await call_next(context)

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Give the caller a prompt that it may use."""
        prompt = await _server(context).get_prompt(context.message.name)
        await _require(context, prompt, _UNKNOWN_PROMPT)
        return await call_next(context)

    async def on_request(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Refuse a completion for what the caller is not offered; FastMCP would answer that there are no values."""
        if context.method == "completion/complete":
            try:
                asked = mcp_types.CompleteRequestParams.model_validate(context.message, by_name=False)
            except ValidationError:
                # Passed on, as the SDK refuses it for its parameters.
                return await call_next(context)
            await _require_reference(context, asked.ref)
        return await call_next(context)


def _server(context: MiddlewareContext[Any]) -> FastMCP[Any]:
    assert context.fastmcp_context is not None
    return context.fastmcp_context.fastmcp


def _needed_by(component: _Offered | None) -> Scope:
    """The scope that a component declares; without one it is nobody's."""
    declared = (component.meta or {}).get(SCOPE_META) if component is not None else None
    if declared not in _SCOPES:
        raise NotFoundError
    return cast(Scope, declared)


def _check_address(uri: str) -> None:
    """Refuse an address that no resource can have, before it is compared with every template.

    Raises:
        ProtocolError: It is too long; it is not repeated either.
    """
    if len(uri) > _LONGEST_ADDRESS:
        raise ProtocolError(f"Resource not found: no address has more than {_LONGEST_ADDRESS} characters.")


def is_within(scopes: frozenset[Scope], component: _Offered) -> bool:
    """Whether a caller with these scopes is offered this component."""
    return (component.meta or {}).get(SCOPE_META) in scopes


async def _scopes(context: Context | None) -> frozenset[Scope]:
    try:
        return (await current_principal(context)).scopes
    except UserError as error:
        # Outside of a tool there is no result that could say so.
        raise protocol_error(error) from None


async def _within_scopes(
    context: MiddlewareContext[Any], call_next: CallNext[Any, Sequence[Component]]
) -> Sequence[Component]:
    scopes = await _scopes(context.fastmcp_context)
    return [component for component in await call_next(context) if is_within(scopes, component)]


async def _require_reference(
    context: MiddlewareContext[Any], reference: mcp_types.PromptReference | mcp_types.ResourceTemplateReference
) -> None:
    server = _server(context)
    if isinstance(reference, mcp_types.PromptReference):
        await _require(context, await server.get_prompt(reference.name), _UNKNOWN_PROMPT)
        return
    _check_address(reference.uri)
    # A template as it is listed is an address that it matches itself.
    template = await server.get_resource_template(reference.uri)
    listed = template if template is not None and template.uri_template == reference.uri else None
    await _require(
        context,
        listed,
        "Unknown template. resources/templates/list names those there are.",
        {"uri": reference.uri},
    )


async def _require(
    context: MiddlewareContext[Any], component: _Offered | None, refusal: str, data: dict[str, str] | None = None
) -> None:
    scopes = await _scopes(context.fastmcp_context)
    if component is None or not is_within(scopes, component):
        raise ProtocolError(refusal, data=data)
