"""The official conformance suite of the Model Context Protocol, against the real server over HTTP.

Each baseline names the only scenarios that may fail, with the reason. The suite also fails on an entry that passes,
so a baseline is never longer than it must be.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.protocol.asking import test_input_required_result_elicitation as asks_for_a_name
from tests.protocol.everything import offer_everything, offer_tool
from tests.protocol.everything import test_error_handling as fails
from tests.protocol.everything import test_simple_text as answers
from tests.protocol.npm import Programs
from tests.support import Retailer
from tests.transport.serving import LEGACY, MODERN, bearer, serving

pytestmark = [
    pytest.mark.protocol,
    pytest.mark.timeout(600),
    # The suite still asks for log messages and sampling.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

HERE = Path(__file__).parent
# The suite takes any failed result for an answer of these three, which a tool that does not exist has no right to:
# asking for it is an error of the protocol. So they exist.
PRESUPPOSED = (answers, fails, asks_for_a_name)
each_era = pytest.mark.parametrize("revision", [MODERN, LEGACY])


# With one store, as the suite reads the first resource there is, and many stores would have to be told apart.
STORE = "seattle"


def presenting(token: str) -> Callable[[ASGIApp], ASGIApp]:
    """Adds a bearer token to requests, which the suite has no option for; the server checks it as ever."""
    header = (b"authorization", bearer(token).encode())

    def around(app: ASGIApp) -> ASGIApp:
        async def with_token(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                scope = scope | {"headers": [*scope["headers"], header]}
            await app(scope, receive, send)

        return with_token

    return around


async def judge(programs: Programs, url: str, revision: str, baseline: str) -> str:
    """Hold a server against a revision of the specification; what the suite says of it."""
    code, told = await programs.run(
        *("conformance", "server", "--url", url, "--requirements", revision),
        *("--expected-failures", str(HERE / baseline)),
    )
    assert code == 0, told
    return told


@each_era
async def test_the_product_conforms(revision: str, demo: Retailer, programs: Programs) -> None:
    async with serving(demo, around=presenting(await demo.token(STORE))) as served:
        for function in PRESUPPOSED:
            offer_tool(served.app, function)
        await judge(programs, served.url, revision, f"baseline-{revision}.yml")


@each_era
async def test_its_factory_conforms_with_all_that_the_suite_asks_for(
    revision: str, demo: Retailer, programs: Programs
) -> None:
    """Everything is the product's, authentication, middleware and guards, but for what is offered behind them."""
    async with serving(demo, around=presenting(await demo.token(STORE))) as served:
        offer_everything(served.app)
        told = await judge(programs, served.url, revision, f"baseline-everything-{revision}.yml")
    if revision == MODERN:
        # The suite does not count them yet.
        for scenario in ("http-header-validation", "http-custom-header-server-validation"):
            assert f"\u2713 {scenario}" in told
