"""Who gets in over HTTP with an identity provider behind it: every way that must fail, on every door, fails as told.

The doors are /mcp in both eras of the protocol and /sse. What concerns the server's own tokens alone is in
tests/transport/test_identity.py, hosts and origins in more spellings in tests/transport/test_http.py.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from joserfc import jwk

from server.db.operator import admin_connection
from server.operations.admin.principals import ExternalIdentity, add_principal, grant_store
from server.transport.address import MCP_PATH, SSE_PATH
from tests.cluster import Cluster
from tests.security.identity_provider import AUDIENCE, PUBLIC_URL, Provider, running_provider
from tests.support import Retailer
from tests.transport.serving import Served, bearer, request, serving, structured
from tests.transport.shop import open_store

METADATA = "/.well-known/oauth-protected-resource"
DOORS = ("modern", "legacy", "sse")
each_door = pytest.mark.parametrize("door", DOORS)
HOUR = 3600


@dataclass(frozen=True)
class Site:
    """A server that trusts a provider, and that provider."""

    served: Served
    provider: Provider
    retailer: Retailer

    async def knock(
        self, door: str, authorization: str | None = None, *, tool: str = "get_store_context", **headers: str
    ) -> httpx2.Response:
        """Ask at one of the doors; of a stream only the head."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization is not None:
            headers["authorization"] = authorization
        async with httpx2.AsyncClient(base_url=self.served.base, timeout=30) as http:
            if door == "sse":
                async with http.stream("GET", SSE_PATH, headers={"accept": "text/event-stream"} | headers) as response:
                    if response.status_code != 200:
                        await response.aread()
                    return response
            body, own = request("tools/call", {"name": tool, "arguments": {}}, door)  # type: ignore[arg-type]
            return await http.post(MCP_PATH, content=body, headers=own | headers)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
async def site(cluster: Cluster, template: str, provider: Provider) -> AsyncIterator[Site]:
    async with cluster.temporary_database(template) as database:
        retailer = Retailer(cluster.admin_url(database), cluster.app_url(database))
        await open_store(retailer, "seattle")
        async with admin_connection(retailer.admin_url) as connection:
            await add_principal(connection, "ada", ExternalIdentity(provider.issuer, "auth|ada"))
            await grant_store(connection, "ada", "seattle", "manager")
        async with serving(retailer, **provider.settings) as served:
            yield Site(served, provider, retailer)


GOOD: dict[str, Callable[[Provider], str]] = {
    "RS256": lambda p: p.token(),
    "ES256": lambda p: p.token(algorithm="ES256"),
    "several audiences": lambda p: p.token(aud=["account", AUDIENCE]),
    "scopes as scp list": lambda p: p.token(scope=None, scp=["retail:read", "openid"]),
    "signed by hand": lambda p: p.signed_by_hand(),
    "no key id, and one key that fits": lambda p: p.token(header={"kid": ""}),
    "an access token by its type": lambda p: p.token(header={"typ": "at+jwt"}),
    "valid since just now": lambda p: p.token(nbf=int(time.time())),
    "the provider's clock three seconds ahead": lambda p: p.token(nbf=int(time.time()) + 3, iat=int(time.time()) + 3),
}

STRANGER: Any = jwk.RSAKey.generate_key(2048, {"kid": "rsa-1"})


def changed_payload(p: Provider) -> str:
    header, _, signature = p.token().split(".")
    return f"{header}.{p.token(sub='auth|bob').split('.')[1]}.{signature}"


BAD: dict[str, Callable[[Provider], str]] = {
    "another audience": lambda p: p.token(aud="https://other.example.com/mcp"),
    "audience with a slash more": lambda p: p.token(aud=AUDIENCE + "/"),
    "audiences without ours": lambda p: p.token(aud=["account", "api"]),
    "no audience": lambda p: p.token(aud=None),
    "another issuer": lambda p: p.token(iss="https://idp.example.com"),
    "issuer with a slash more": lambda p: p.token(iss=p.issuer + "/"),
    "no issuer": lambda p: p.token(iss=None),
    "another key of the same id": lambda p: p.token(key=STRANGER),
    "a key of an unknown id": lambda p: p.token(header={"kid": "nobody's"}),
    "its own key in the header": lambda p: p.token(key=STRANGER, header={"jwk": STRANGER.as_dict(private=False)}),
    "algorithm none": lambda p: p.unsigned(),
    "algorithm nOnE": lambda p: p.unsigned("nOnE"),
    "algorithm RS256 without a signature": lambda p: p.unsigned("RS256"),
    "HMAC with the public key": lambda p: p.signed_with_public_key(),
    "an algorithm that is not allowed": lambda p: p.token(algorithm="PS256"),
    "the right key with a longer hash": lambda p: p.token(algorithm="RS512"),
    "a critical header that nobody knows": lambda p: p.signed_by_hand({"crit": ["exotic"], "exotic": True}),
    "another token type": lambda p: p.token(header={"typ": "logout+jwt"}),
    "changed after it was signed": changed_payload,
    "expired": lambda p: p.token(exp=int(time.time()) - 1),
    "no expiry": lambda p: p.token(exp=None),
    "an expiry that is no time": lambda p: p.token(exp="tomorrow"),
    "an expiry beyond all time": lambda p: p.token(exp=10**30),
    "not valid yet": lambda p: p.token(nbf=int(time.time()) + HOUR),
    "issued in the future": lambda p: p.token(iat=int(time.time()) + HOUR),
    "no subject": lambda p: p.token(sub=None),
    "a subject that is no text": lambda p: p.token(sub=["auth|ada"]),
    "two parts only": lambda p: p.token().rpartition(".")[0],
    "nothing but dots": lambda p: "..",
    "no JSON in it": lambda p: "aGk.aGk.aGk",
    "a list for a header": lambda p: "W10.e30.e30",
    "headers of the wrong kind": lambda p: "eyJhbGciOlsxXSwia2lkIjp7fX0.e30.e30",
    "a header of lists in lists": lambda p: base64.urlsafe_b64encode(b"[" * 3_000).decode().rstrip("=") + ".e30.e30",
    "far too long": lambda p: p.token(filler="x" * 20_000),
    "a server's own token, made up": lambda p: "rmcp_" + "A" * 43,
}


@each_door
@pytest.mark.parametrize("name", GOOD)
async def test_a_good_token_opens(name: str, door: str, site: Site) -> None:
    """Guards the rest: what is refused below is refused for what is wrong with it."""
    response = await site.knock(door, bearer(GOOD[name](site.provider)))

    assert response.status_code == 200, response.text
    if door != "sse":
        assert structured(response)["subject"] == "ada"


@each_door
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_is_refused_and_not_repeated(name: str, door: str, site: Site) -> None:
    token = BAD[name](site.provider)

    response = await site.knock(door, bearer(token))

    assert response.status_code == 401, response.text
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert "resource_metadata=" in response.headers["www-authenticate"]
    assert token not in response.text
    assert not re.search(r"audience|issuer|signature|expired at|kid", response.text)


@each_door
async def test_without_a_token_it_is_said_where_to_get_one(door: str, site: Site) -> None:
    response = await site.knock(door)

    assert response.status_code == 401
    path = SSE_PATH if door == "sse" else MCP_PATH
    challenge = response.headers["www-authenticate"]
    assert f'resource_metadata="{PUBLIC_URL}{METADATA}{path}"' in challenge
    assert 'scope="retail:read retail:pii retail:sql retail:audit"' in challenge
    # RFC 6750: whoever has not tried has made no error.
    assert "error=" not in challenge
    assert response.json()["error"].keys() == {"code", "message"}


@each_door
@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "bearer:"])
async def test_a_token_under_another_scheme_is_none(scheme: str, door: str, site: Site) -> None:
    response = await site.knock(door, f"{scheme} {site.provider.token()}")

    assert response.status_code == 401
    assert "error=" not in response.headers["www-authenticate"]


@pytest.mark.parametrize("path", [MCP_PATH, SSE_PATH])
@pytest.mark.parametrize("parameter", ["access_token", "token", "authorization"])
async def test_a_token_in_the_address_does_not_count(parameter: str, path: str, site: Site) -> None:
    method = "GET" if path == SSE_PATH else "POST"
    async with httpx2.AsyncClient(base_url=site.served.base, timeout=30) as http:
        response = await http.request(method, path, params={parameter: site.provider.token()})

    assert response.status_code == 401


@each_door
@pytest.mark.parametrize("scope", [None, "", "openid profile", "retail:reader", "RETAIL:READ", "retail:pii retail:sql"])
async def test_a_token_without_the_scope_is_told_which_it_lacks(scope: str | None, door: str, site: Site) -> None:
    response = await site.knock(door, bearer(site.provider.token(scope=scope)))

    assert response.status_code == 403
    challenge = response.headers["www-authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert "retail:read" in re.findall(r'scope="([^"]*)"', challenge)[0].split()
    assert "resource_metadata=" in challenge


@each_door
async def test_a_subject_that_is_nobody_here_learns_no_more_than_that(
    door: str, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """403 and no 401: another token of the same person would change nothing, so nobody is sent to log in again."""
    stranger = f"auth|{door} 'eve' $(rm)"

    response = await site.knock(door, bearer(site.provider.token(sub=stranger)))

    assert response.status_code == 403
    assert response.json()["error"] == {
        "code": -32600,
        "message": "This identity is not known here. Ask the operator of this server to add it.",
        "data": {"error": "access_denied"},
    }
    assert "www-authenticate" not in response.headers
    (told,) = [record.getMessage() for record in caplog.records if "principal add" in record.getMessage()]
    assert f"--issuer {site.provider.issuer}" in told
    # To be pasted into a shell, whatever is in it.
    assert shlex.split(told)[-2:] == ["--external-subject", stranger]
    assert site.provider.token().rpartition(".")[2] not in told


@each_door
@pytest.mark.parametrize("subject", ["line\nfeed", "nul\x00", "\ud800", "\u202e", "x" * 501, "' or true --", "%"])
async def test_a_subject_that_nobody_can_be_is_nobody(
    subject: str, door: str, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    response = await site.knock(door, bearer(site.provider.signed_by_hand(sub=subject)))

    assert response.status_code == 403
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


@each_door
async def test_a_subject_of_another_issuer_is_somebody_else(door: str, site: Site) -> None:
    async with admin_connection(site.retailer.admin_url) as connection:
        identity = ExternalIdentity("https://elsewhere.example.com", f"auth|{door}")
        await add_principal(connection, f"of elsewhere {door}", identity)

    response = await site.knock(door, bearer(site.provider.token(sub=f"auth|{door}")))

    assert response.status_code == 403


@each_door
@pytest.mark.parametrize(("header", "status"), [("host", 421), ("origin", 403)])
async def test_foreign_hosts_and_origins_are_refused_whoever_asks(
    header: str, status: int, door: str, site: Site
) -> None:
    foreign = {"host": "evil.example"} if header == "host" else {"origin": "https://evil.example"}

    response = await site.knock(door, bearer(site.provider.token()), **foreign)

    assert response.status_code == status


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("good", [True, False])
async def test_a_body_that_is_too_large_is_refused(good: bool, era: Any, site: Site) -> None:
    token = site.provider.token() if good else site.provider.token(aud="other")
    body, headers = request(
        "tools/call", {"name": "get_store_context", "arguments": {"store_id": "A" * 5_000_000}}, era
    )
    async with httpx2.AsyncClient(timeout=30) as http:
        response = await http.post(site.served.url, content=body, headers=headers | {"authorization": bearer(token)})

    assert response.status_code == (413 if good else 401)


@pytest.mark.parametrize("path", [MCP_PATH, SSE_PATH])
async def test_the_metadata_names_the_resource_and_its_provider(path: str, site: Site) -> None:
    response = await site.served.get(METADATA + path)

    assert response.status_code == 200
    metadata = response.json()
    assert metadata["resource"] == PUBLIC_URL + path
    # Character by character: with a slash more it would be another issuer (RFC 8414).
    assert metadata["authorization_servers"] == [site.provider.issuer]
    assert metadata["scopes_supported"] == ["retail:read", "retail:pii", "retail:sql", "retail:audit"]
    assert metadata["bearer_methods_supported"] == ["header"]


async def test_the_servers_own_tokens_work_beside(site: Site) -> None:
    token = await site.retailer.token("seattle")
    for door in DOORS:
        assert (await site.knock(door, bearer(token))).status_code == 200


async def test_nothing_is_advertised_without_a_provider(site: Site) -> None:
    async with serving(site.retailer, public_url=PUBLIC_URL) as served:
        alone = Site(served, site.provider, site.retailer)
        for door in DOORS:
            refused = await alone.knock(door, bearer(site.provider.token()))
            assert refused.status_code == 401
            assert "resource_metadata" not in refused.headers["www-authenticate"]
        assert (await served.get(METADATA + MCP_PATH)).status_code == 404


async def test_no_answer_of_the_matrix_names_what_is_inside(site: Site) -> None:
    texts = [(await site.knock("modern", bearer(make(site.provider)))).text for make in BAD.values()]

    assert all(json.loads(text)["error"]["data"] == {"error": "invalid_token"} for text in texts)
    assert not re.search(r"Traceback|joserfc|postgres|guard\.|select ", " ".join(texts))
