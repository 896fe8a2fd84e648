"""Tools and a prompt that ask the client for something before they answer.

Since 2026-07-28 they return what they need and are called again with the answers. Before, the server asked while the
call was open, which needs a session: test_sampling and test_elicitation show that this one keeps none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import mcp_types
from fastmcp import Context
from fastmcp.dependencies import CurrentContext
from fastmcp.prompts import Message, PromptResult
from mcp import MCPError
from mcp_types import (
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)

Asked = str | InputRequiredResult


def form(message: str, **properties: str) -> ElicitRequest:
    """A form with required fields: their names and JSON types."""
    schema = {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
    }
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def completion(text: str, max_tokens: int = 100) -> CreateMessageRequest:
    """A question to the client's model."""
    message = SamplingMessage(role="user", content=TextContent(text=text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def answers(context: Context, *names: str) -> list[Any] | None:
    """The client's answers to the requests of these names; None unless all are there."""
    given = context.input_responses or {}
    return [given[name] for name in names] if given.keys() >= set(names) else None


def ask(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    """The result that asks."""
    return InputRequiredResult(input_requests=requests, request_state=state)


def entered(answer: ElicitResult, field: str) -> Any:
    """What was filled into a field of a form."""
    return (answer.content or {}).get(field)


async def test_input_required_result_elicitation(context: Context = CurrentContext()) -> Asked:
    """Asks for a name."""
    given = answers(context, "user_name")
    if given is None or not isinstance(given[0], ElicitResult):
        return ask(user_name=form("What is your name?", name="string"))
    return f"Hello, {entered(given[0], 'name')}!"


async def test_streaming_elicitation(context: Context = CurrentContext()) -> Asked:
    """Asks for a name in the middle of its work."""
    await context.report_progress(1, 2)
    given = answers(context, "user_name")
    if given is None:
        return ask(user_name=form("What is your name?", name="string"))
    return f"Hello, {entered(given[0], 'name')}!"


async def test_input_required_result_sampling(context: Context = CurrentContext()) -> Asked:
    """Asks the client's model."""
    given = answers(context, "capital_question")
    if given is None:
        return ask(capital_question=completion("What is the capital of France?"))
    return str(given[0].content.text)


async def test_input_required_result_list_roots(context: Context = CurrentContext()) -> Asked:
    """Asks for the client's roots."""
    given = answers(context, "client_roots")
    if given is None:
        return ask(client_roots=ListRootsRequest())
    return ", ".join(str(root.uri) for root in given[0].roots)


async def test_input_required_result_request_state(context: Context = CurrentContext()) -> Asked:
    """Asks for a confirmation and recognises its own state."""
    given = answers(context, "confirm")
    if given is None or context.request_state is None:
        return ask("waiting for ok", confirm=form("Please confirm", ok="boolean"))
    return "state-ok" if context.request_state == "waiting for ok" else "state-unknown"


async def test_input_required_result_tampered_state(context: Context = CurrentContext()) -> Asked:
    """The same, to have its state changed on the way."""
    return await test_input_required_result_request_state(context)


async def test_input_required_result_multiple_inputs(context: Context = CurrentContext()) -> Asked:
    """Asks three things at once."""
    given = answers(context, "user_name", "greeting", "client_roots")
    if given is None:
        return ask(
            "asked for three",
            user_name=form("What is your name?", name="string"),
            greeting=completion("Generate a greeting", 50),
            client_roots=ListRootsRequest(),
        )
    name, greeting, roots = given
    return f"{greeting.content.text} {entered(name, 'name')}, {len(roots.roots)} roots"


async def test_input_required_result_multi_round(context: Context = CurrentContext()) -> Asked:
    """Asks for a name, then for a colour; the name travels in the state."""
    name, color = answers(context, "step1"), answers(context, "step2")
    if color is not None and context.request_state is not None:
        return f"{context.request_state} likes {entered(color[0], 'color')}"
    if name is not None:
        known = str(entered(name[0], "name"))
        return ask(known, step2=form("Step 2: What is your favorite color?", color="string"))
    return ask("nobody yet", step1=form("Step 1: What is your name?", name="string"))


async def test_input_required_result_capabilities(context: Context = CurrentContext()) -> Asked:
    """Asks only what the client can answer."""
    able = context.session.client_capabilities or ClientCapabilities()
    possible: dict[str, tuple[Any, InputRequest]] = {
        "user_name": (able.elicitation, form("What is your name?", name="string")),
        "greeting": (able.sampling, completion("Generate a greeting")),
        "client_roots": (able.roots, ListRootsRequest()),
    }
    requests = {name: request for name, (capability, request) in possible.items() if capability is not None}
    if not requests or context.input_responses:
        return "Nothing to ask."
    return ask(**requests)


async def test_missing_capability(context: Context = CurrentContext()) -> str:
    """Needs a client with a model."""
    able = context.session.client_capabilities
    if able is None or able.sampling is None:
        needed = ClientCapabilities(sampling=SamplingCapability())
        raise MCPError(
            code=mcp_types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs sampling.",
            data={"requiredCapabilities": needed.model_dump(by_alias=True, exclude_none=True)},
        )
    return "The client can sample."


async def test_sampling(prompt: str, context: Context = CurrentContext()) -> str:
    """Asks the client's model while the call is open."""
    params = completion(prompt).params
    answer = await context.session.create_message(params.messages, max_tokens=params.max_tokens)
    return f"LLM response: {answer.content}"


async def test_elicitation(message: str, context: Context = CurrentContext()) -> str:
    """Asks the user while the call is open."""
    schema = form(message, username="string", email="string").params.requested_schema
    answer = await context.session.elicit(message, schema)
    return f"User response: {answer.action}, {answer.content}"


async def test_input_required_result_prompt(context: Context = CurrentContext()) -> Any:
    """A prompt that asks first."""
    given = answers(context, "user_context")
    if given is None:
        return ask(user_context=form("What context should the prompt use?", context="string"))
    return PromptResult([Message(f"Use this context: {entered(given[0], 'context')}")])


ASKING_TOOLS: tuple[Callable[..., Awaitable[Any]], ...] = (
    test_input_required_result_elicitation,
    test_streaming_elicitation,
    test_input_required_result_sampling,
    test_input_required_result_list_roots,
    test_input_required_result_request_state,
    test_input_required_result_tampered_state,
    test_input_required_result_multiple_inputs,
    test_input_required_result_multi_round,
    test_input_required_result_capabilities,
    test_missing_capability,
    test_sampling,
    test_elicitation,
)
ASKING_PROMPTS: tuple[Callable[..., Awaitable[Any]], ...] = (test_input_required_result_prompt,)
