"""What the conformance suite wants a server to offer: content of every kind, prompts and resources.

Names, texts and shapes are the suite's. The asking tools are in `asking`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import mcp_types
from fastmcp import Context, FastMCP
from fastmcp.dependencies import CurrentContext
from fastmcp.exceptions import ToolError
from fastmcp.prompts import Message, Prompt, PromptResult
from fastmcp.resources import Resource, ResourceTemplate
from fastmcp.tools import FunctionTool, ToolResult
from pydantic import Field

from server.toolkit.annotations import requires_scope
from tests.protocol.asking import ASKING_PROMPTS, ASKING_TOOLS

# One red pixel, and a sound without samples.
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")
WAV = base64.b64decode("UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=")
IMAGE = mcp_types.ImageContent(data=base64.b64encode(PNG).decode(), mime_type="image/png")


def _embedded(uri: str, text: str, mime_type: str = "text/plain") -> mcp_types.EmbeddedResource:
    return mcp_types.EmbeddedResource(resource=mcp_types.TextResourceContents(uri=uri, mime_type=mime_type, text=text))


async def test_simple_text() -> str:
    """Returns a text."""
    return "This is a simple text response for testing."


async def test_image_content() -> ToolResult:
    """Returns an image."""
    return ToolResult([IMAGE])


async def test_audio_content() -> ToolResult:
    """Returns a sound."""
    return ToolResult([mcp_types.AudioContent(data=base64.b64encode(WAV).decode(), mime_type="audio/wav")])


async def test_embedded_resource() -> ToolResult:
    """Returns a resource."""
    return ToolResult([_embedded("test://embedded-resource", "This is an embedded resource content.")])


async def test_multiple_content_types() -> ToolResult:
    """Returns a text, an image and a resource."""
    data = json.dumps({"test": "data", "value": 123})
    return ToolResult(
        [
            mcp_types.TextContent(text="Multiple content types test:"),
            IMAGE,
            _embedded("test://mixed-content-resource", data, "application/json"),
        ]
    )


async def test_error_handling() -> str:
    """Always fails."""
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_logging(context: Context = CurrentContext()) -> str:
    """Logs three times."""
    for text in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await context.info(text)
        await asyncio.sleep(0.05)
    return "Logged three messages."


async def test_logging_tool(context: Context = CurrentContext()) -> str:
    """Logs once, which only a client that asked for it may hear."""
    await context.info("Called")
    return "Logged a message."


async def test_tool_with_progress(context: Context = CurrentContext()) -> str:
    """Reports progress three times."""
    for done in (0, 50, 100):
        await context.report_progress(done, 100)
        await asyncio.sleep(0.05)
    return "Reported progress."


async def test_custom_header(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
) -> str:
    """Takes an argument that requests repeat in a header, for gateways to route by."""
    return f"Routed to {region}."


async def test_simple_prompt() -> PromptResult:
    """A text."""
    return PromptResult([Message("This is a simple prompt for testing.")])


async def test_prompt_with_arguments(arg1: str, arg2: str) -> PromptResult:
    """A text with two arguments."""
    return PromptResult([Message(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")])


async def test_prompt_with_embedded_resource(resourceUri: str) -> PromptResult:
    """A resource and a text."""
    return PromptResult(
        [
            Message(_embedded(resourceUri, "Embedded resource content for testing.")),
            Message("Please process the embedded resource above."),
        ]
    )


async def test_prompt_with_image() -> PromptResult:
    """An image and a text."""
    return PromptResult([Message(IMAGE), Message("Please analyze the image above.")])


async def static_text() -> str:
    """A text."""
    return "This is the content of the static text resource."


async def static_binary() -> bytes:
    """An image."""
    return PNG


async def template_data(id: str) -> str:
    """What belongs to an id."""
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


TOOLS: tuple[Callable[..., Awaitable[Any]], ...] = (
    test_simple_text,
    test_image_content,
    test_audio_content,
    test_embedded_resource,
    test_multiple_content_types,
    test_error_handling,
    test_tool_with_logging,
    test_logging_tool,
    test_tool_with_progress,
    test_custom_header,
)
PROMPTS: tuple[Callable[..., Awaitable[Any]], ...] = (
    test_simple_prompt,
    test_prompt_with_arguments,
    test_prompt_with_embedded_resource,
    test_prompt_with_image,
)
READ = requires_scope("retail:read")


def offer_tool(server: FastMCP[Any], function: Callable[..., Awaitable[Any]]) -> None:
    """Offer a tool to whoever may call the server's own."""
    server.add_tool(FunctionTool.from_function(function, meta=READ))


def offer_everything(server: FastMCP[Any]) -> None:
    """Offer all of it beside what the server has."""
    for function in (*TOOLS, *ASKING_TOOLS):
        offer_tool(server, function)
    for function in (*PROMPTS, *ASKING_PROMPTS):
        server.add_prompt(Prompt.from_function(function, meta=READ))
    for uri, function, mime_type in (
        ("test://static-text", static_text, "text/plain"),
        ("test://static-binary", static_binary, "image/png"),
    ):
        server.add_resource(Resource.from_function(function, uri, mime_type=mime_type, meta=READ))
    server.add_template(
        ResourceTemplate.from_function(
            template_data, "test://template/{id}/data", mime_type="application/json", meta=READ
        )
    )
