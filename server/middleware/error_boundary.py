"""The one place where errors of tools, prompts and resources become what a client sees.

Errors that we wrote pass as they are. Argument errors lose the rejected value, anything unexpected
loses its text and gets a reference that the log repeats: of a tool call the first digits of its id in the audit log.
A tool answers with a failed result, a prompt or a resource with an error of the protocol.
"""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import mcp_types
from fastmcp.exceptions import FastMCPError, NotFoundError, PromptError, ToolError, ValidationError
from fastmcp.prompts.base import PromptResult
from fastmcp.resources.base import ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from pydantic import ValidationError as PydanticValidationError

from server.calls.call import current_call
from server.errors import InvalidInputError, UnavailableError, UserError
from server.middleware.protocol_errors import ProtocolError, internal_error
from server.toolkit.tool_errors import CallFailure


class ErrorBoundary(Middleware):
    """Maps what a request raised to what the protocol and the model should get."""

    async def on_call_tool(
        self,
        context: MiddlewareContext[mcp_types.CallToolRequestParams],
        call_next: CallNext[mcp_types.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        """Run the tool."""
        tool = context.message.name
        try:
            return await call_next(context)
        except ValidationError as error:
            raise InvalidInputError(_describe(tool, "tool", error, await _arguments_of(tool, context))) from None
        except NotFoundError:
            # The specification wants a protocol error here, not a failed result.
            raise ProtocolError("Unknown tool. tools/list names the tools there are.", logged=True) from None
        except ToolError as error:
            if isinstance(error.__cause__, UserError):
                raise error.__cause__ from None
            # FastMCP has logged the traceback.
            text = internal_error(f"Tool {tool}", error.__cause__ or error, current_call.get().call_id.hex[:8])
            raise CallFailure(text, None, log_level=logging.DEBUG) from None

    async def on_get_prompt(
        self,
        context: MiddlewareContext[mcp_types.GetPromptRequestParams],
        call_next: CallNext[mcp_types.GetPromptRequestParams, PromptResult],
    ) -> PromptResult:
        """Write the prompt."""
        prompt = context.message.name
        try:
            return await call_next(context)
        except ValidationError as error:
            assert context.fastmcp_context is not None
            found = await context.fastmcp_context.fastmcp.get_prompt(prompt)
            arguments = ", ".join(argument.name for argument in (found and found.arguments) or ())
            raise ProtocolError(_describe(prompt, "prompt", error, arguments)) from None
        except PromptError as error:
            text = internal_error(f"Prompt {prompt}", error.__cause__ or error, uuid4().hex[:8])
            raise ProtocolError(text, code=mcp_types.INTERNAL_ERROR, logged=True) from None

    async def on_read_resource(
        self,
        context: MiddlewareContext[mcp_types.ReadResourceRequestParams],
        call_next: CallNext[mcp_types.ReadResourceRequestParams, ResourceResult],
    ) -> ResourceResult:
        """Read the resource; what a tool refused is an error of its address."""
        address = {"uri": str(context.message.uri)}
        try:
            return await call_next(context)
        except NotFoundError:
            raise ProtocolError("Resource not found.", data=address) from None
        except CallFailure as failure:
            # The call has its line in the log.
            is_ours = failure.error is None or isinstance(failure.error, UnavailableError)
            code = mcp_types.INTERNAL_ERROR if is_ours else mcp_types.INVALID_PARAMS
            raise ProtocolError(str(failure), code=code, data=address, logged=True) from None
        except FastMCPError as error:
            text = internal_error("A resource", error.__cause__ or error, uuid4().hex[:8])
            raise ProtocolError(text, code=mcp_types.INTERNAL_ERROR, logged=True) from None


async def _arguments_of(tool: str, context: MiddlewareContext[Any]) -> str:
    """Names of the arguments that a tool has."""
    assert context.fastmcp_context is not None
    found = await context.fastmcp_context.fastmcp.get_tool(tool)
    assert found is not None
    return ", ".join(found.parameters["properties"])


def _describe(name: str, kind: str, error: ValidationError, arguments: str) -> str:
    """Say what is wrong with the arguments without repeating their values."""
    cause = error.__cause__
    if not isinstance(cause, PydanticValidationError):
        return f"The arguments of {name} are not valid. Compare them with what the {kind} lists."
    faults = [_describe_fault(kind, fault, arguments) for fault in cause.errors(include_url=False, include_input=False)]
    return f"{name} was not run: " + "; ".join(dict.fromkeys(faults)) + "."


def _describe_fault(kind: str, fault: Any, arguments: str) -> str:
    if fault["type"] in ("unexpected_keyword_argument", "unexpected_positional_argument"):
        # Its name is the caller's text.
        return f"there is an argument that this {kind} does not have; use only {arguments}"
    # Below the argument's own name only positions are told: names there may be the caller's, as keys are.
    argument, *below = fault["loc"]
    name = ".".join([str(argument), *(str(part) for part in below if isinstance(part, int))])
    if fault["type"] in ("missing_argument", "missing"):
        return f"{name} is required"
    # Pydantic's texts name the constraint; the rejected value is a separate field, left out above. What a parser
    # met, a character of that value at times, comes after a comma.
    told = fault["msg"].partition(", ")[0] if fault["type"].endswith("parsing") else fault["msg"]
    return f"{name}: {told[0].lower()}{told[1:]}"
