"""The one place where errors become what a client sees.

Errors that we wrote pass as they are. Argument errors lose the rejected value, anything unexpected
loses its text and gets a reference that the log repeats: the first digits of the call's id in the audit log.
"""

from __future__ import annotations

import logging
from typing import Any

import mcp_types
from fastmcp.exceptions import NotFoundError, ToolError, ValidationError
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from mcp import MCPError
from pydantic import ValidationError as PydanticValidationError

from server.call import current_call
from server.errors import InvalidInputError, RetailError, UserError

logger = logging.getLogger(__name__)


class ErrorBoundary(Middleware):
    """Maps what a tool call raised to what the protocol and the model should get."""

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
            raise InvalidInputError(_describe(tool, error, await _arguments_of(tool, context))) from None
        except NotFoundError:
            # The specification wants a protocol error here, not a failed result. The name is the
            # caller's text and is not repeated.
            raise MCPError(
                code=mcp_types.INVALID_PARAMS, message="Unknown tool. tools/list names the tools there are."
            ) from None
        except ToolError as error:
            if isinstance(error.__cause__, UserError):
                raise error.__cause__ from None
            reference = current_call.get().call_id.hex[:8]
            cause = error.__cause__ or error
            # Our own texts hold no data; those of others may, so only their kind is told.
            told = f"{type(cause).__name__}: {cause}" if isinstance(cause, RetailError) else type(cause).__name__
            # FastMCP has logged the traceback.
            logger.error("Tool %s failed, reference %s: %s", tool, reference, told)  # noqa: TRY400
            raise ToolError(
                f"The server failed to answer; nothing was changed. Reference {reference} finds the cause in its "
                "log. Trying again may help; if it does not, give the operator that reference.",
                log_level=logging.DEBUG,
            ) from None


async def _arguments_of(tool: str, context: MiddlewareContext[Any]) -> str:
    """Names of the arguments that a tool has."""
    assert context.fastmcp_context is not None
    found = await context.fastmcp_context.fastmcp.get_tool(tool)
    assert found is not None
    return ", ".join(found.parameters["properties"])


def _describe(tool: str, error: ValidationError, arguments: str) -> str:
    """Say what is wrong with the arguments without repeating their values."""
    cause = error.__cause__
    if not isinstance(cause, PydanticValidationError):
        return f"The arguments of {tool} are not valid. Compare them with the tool's input schema."
    faults = [_describe_fault(fault, arguments) for fault in cause.errors(include_url=False, include_input=False)]
    return f"{tool} was not run: " + "; ".join(dict.fromkeys(faults)) + "."


def _describe_fault(fault: Any, arguments: str) -> str:
    if fault["type"] in ("unexpected_keyword_argument", "unexpected_positional_argument"):
        # Its name is the caller's text.
        return f"there is an argument that this tool does not have; use only {arguments}"
    # Below the argument's own name only positions are told: names there may be the caller's, as keys are.
    argument, *below = fault["loc"]
    name = ".".join([str(argument), *(str(part) for part in below if isinstance(part, int))])
    if fault["type"] in ("missing_argument", "missing"):
        return f"{name} is required"
    # Pydantic's texts name the constraint; the rejected value is a separate field, left out above. What a parser
    # met, a character of that value at times, comes after a comma.
    told = fault["msg"].partition(", ")[0] if fault["type"].endswith("parsing") else fault["msg"]
    return f"{name}: {told[0].lower()}{told[1:]}"
