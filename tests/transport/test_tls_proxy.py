"""The server behind a proxy that ends TLS: one of the tests' own, and those of docs/remote.md where installed."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.types import ASGIApp, Receive, Scope, Send

from server.transport.address import MCP_PATH, SSE_PATH
from tests.security.identity_provider import Provider, running_provider
from tests.support import Retailer
from tests.transport.serving import Served, bearer, request, serving, structured
from tests.transport.shop import eventually, locked_receipts, open_store, server_backends, wait_for_locks

HOST = "retail.example.com"
PUBLIC_URL = f"https://{HOST}"
DOCUMENT = (Path(__file__).parents[2] / "docs/remote.md").read_text(encoding="utf-8")
PROXIES = ("own", "nginx", "caddy")


@dataclass(frozen=True)
class Certificate:
    """A certificate for the public host, and its key, as files."""

    chain: Path
    key: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(directory / "chain.pem", directory / "key.pem")
    made.chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


def documented(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(found)


def replaced(text: str, changes: dict[str, str]) -> str:
    """The documented configuration with this test's addresses and files; each must be there to be replaced."""
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(directory: Path, port: int, upstream: int, certificate: Certificate) -> list[str]:
    server = replaced(
        documented("nginx"),
        {
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "127.0.0.1:8000": f"127.0.0.1:{upstream}",
            f"/etc/ssl/{HOST}.pem": str(certificate.chain),
            f"/etc/ssl/{HOST}.key": str(certificate.key),
        },
    )
    places = "".join(
        f"{kind}_temp_path {directory}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (directory / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {directory}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off; {places}\n{server}}}\n"
    )
    return ["-e", "stderr", "-p", str(directory), "-c", str(directory / "nginx.conf")]


def caddy(directory: Path, port: int, upstream: int, certificate: Certificate) -> list[str]:
    site = replaced(
        documented("caddy"),
        {
            f"{HOST} {{": f"https://{HOST}:{port} {{\n\tbind 127.0.0.1\n\ttls {certificate.chain} {certificate.key}",
            "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        },
    )
    (directory / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}")
    return ["run", "--config", str(directory / "Caddyfile"), "--adapter", "caddyfile"]


PROGRAMS: dict[str, Callable[[Path, int, int, Certificate], list[str]]] = {"nginx": nginx, "caddy": caddy}


@asynccontextmanager
async def proxied(kind: str, directory: Path, upstream: int, certificate: Certificate) -> AsyncIterator[int]:
    """A proxy before the server; yields its port."""
    if kind == "own":
        async with own_proxy(upstream, certificate) as port:
            yield port
        return
    program = shutil.which(kind)
    if program is None:
        pytest.skip(f"{kind} is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = PROGRAMS[kind](directory, port, upstream, certificate)
    with (directory / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            *arguments,
            cwd=directory,
            env={"HOME": str(directory), "XDG_DATA_HOME": str(directory)},
            stderr=log,
        )
        try:

            async def listens() -> bool:
                assert process.returncode is None, (directory / "log").read_text()
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    return False
                writer.close()
                return True

            await eventually(listens, 20)
            yield port
        finally:
            process.kill()
            await process.wait()


@asynccontextmanager
async def own_proxy(upstream: int, certificate: Certificate) -> AsyncIterator[int]:
    """Ends TLS and passes bytes on as they come, with the headers of a proxy before the others."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ssl.SSLError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            first = await reader.readuntil(b"\r\n")
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", upstream)
            added = b"x-forwarded-for: 203.0.113.7\r\nx-forwarded-proto: https\r\nconnection: close\r\n"
            up_writer.write(first + added)
            await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    listener = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


@dataclass(frozen=True)
class Remote:
    """The server as a client elsewhere sees it.

    Attributes:
        seen: Scheme and client's address of its requests, as the server takes them to be.
    """

    http: httpx2.AsyncClient
    served: Served
    provider: Provider
    retailer: Retailer
    seen: set[tuple[str, str]]

    async def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return await self.http.request(method, path, extensions={"sni_hostname": HOST}, **options)

    async def call(self, tool: str, era: Any = "modern", **headers: str) -> httpx2.Response:
        body, own = request("tools/call", {"name": tool, "arguments": {}}, era)
        return await self.send("POST", MCP_PATH, content=body, headers=own | headers)


@pytest.fixture
async def shop(retailer: Retailer) -> Retailer:
    await open_store(retailer, "seattle")
    return retailer


@asynccontextmanager
async def remote(
    kind: str, directory: Path, shop: Retailer, certificate: Certificate, provider: Provider, **settings: Any
) -> AsyncIterator[Remote]:
    chosen = provider.settings | {"public_url": PUBLIC_URL, "trusted_proxies": ("127.0.0.1",)} | settings
    seen: set[tuple[str, str]] = set()

    def watched(app: ASGIApp) -> ASGIApp:
        async def watching(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                seen.add((scope["scheme"], scope["client"][0]))
            await app(scope, receive, send)

        return watching

    async with (
        serving(shop, around=watched, **chosen) as served,
        proxied(kind, directory, served.port, certificate) as port,
        httpx2.AsyncClient(
            base_url=f"https://127.0.0.1:{port}",
            headers={"host": HOST},
            verify=ssl.create_default_context(cafile=str(certificate.chain)),
            timeout=20,
        ) as http,
    ):
        yield Remote(http, served, provider, shop, seen)


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_client_elsewhere_finds_its_way_in(
    kind: str, tmp_path: Path, shop: Retailer, certificate: Certificate, provider: Provider
) -> None:
    token = bearer(await shop.token("seattle"))
    async with remote(kind, tmp_path, shop, certificate, provider) as there:
        refused = await there.call("get_store_context")
        (metadata_url,) = re.findall(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
        assert metadata_url == f"{PUBLIC_URL}/.well-known/oauth-protected-resource{MCP_PATH}"
        metadata = (await there.send("GET", metadata_url.removeprefix(PUBLIC_URL))).json()
        assert metadata["resource"] == f"{PUBLIC_URL}{MCP_PATH}"
        assert metadata["authorization_servers"] == [provider.issuer]

        for era in ("modern", "legacy"):
            answered = await there.call("get_store_context", era, authorization=token, origin=PUBLIC_URL)
            assert structured(answered)["current_store"]["store_id"] == "seattle"
        assert (
            await there.call("get_store_context", authorization=token, origin="https://evil.example")
        ).status_code == 403
        # What the proxy says about the client is believed.
        assert there.seen == {("https", "203.0.113.7" if kind == "own" else "127.0.0.1")}


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_stream_comes_piece_by_piece(
    kind: str, tmp_path: Path, shop: Retailer, certificate: Certificate, provider: Provider
) -> None:
    """The stream of /sse never ends, so a proxy that waits for its end shows nothing of it."""
    headers = {"authorization": bearer(await shop.token("seattle")), "accept": "text/event-stream"}
    async with (
        remote(kind, tmp_path, shop, certificate, provider) as there,
        there.http.stream("GET", SSE_PATH, headers=headers, extensions={"sni_hostname": HOST}) as stream,
    ):
        assert stream.status_code == 200
        async with asyncio.timeout(30):
            async for line in stream.aiter_lines():
                if line.startswith("data: /messages/"):
                    break


@pytest.mark.parametrize("kind", PROXIES)
async def test_a_client_that_leaves_takes_its_query_along(
    kind: str, tmp_path: Path, shop: Retailer, certificate: Certificate, provider: Provider
) -> None:
    token = bearer(await shop.token("seattle"))
    await wait_for_locks(shop)

    async def waiting() -> bool:
        return bool(await server_backends(shop, "wait_event_type = 'Lock'"))

    async def nobody_waits() -> bool:
        return not await waiting()

    async with remote(kind, tmp_path, shop, certificate, provider) as there, locked_receipts(shop):
        asking = asyncio.create_task(there.call("summarize_sales", authorization=token))
        await eventually(waiting)
        asking.cancel()
        await eventually(nobody_waits, 8)


async def test_a_proxy_that_is_not_trusted_is_not_believed(
    tmp_path: Path, shop: Retailer, certificate: Certificate, provider: Provider
) -> None:
    async with remote("own", tmp_path, shop, certificate, provider, trusted_proxies=()) as there:
        await there.call("get_store_context")
        assert there.seen == {("http", "127.0.0.1")}
