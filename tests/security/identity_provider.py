"""An identity provider on the loopback interface: keys over real HTTP, and tokens of every kind, bad ones too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwk, jwt

PUBLIC_URL = "http://127.0.0.1:8000"
AUDIENCE = "https://retail.example.com/mcp"
ALL_SCOPES = "retail:read retail:pii retail:sql retail:audit"


class Provider:
    """Signs tokens, and publishes its keys at `jwks_uri`.

    Attributes:
        published: Keys in the set that it serves.
        fetches: How often the set was asked for.
        status: HTTP status of its answers.
    """

    def __init__(self) -> None:
        self.rsa: Any = jwk.RSAKey.generate_key(2048, {"kid": "rsa-1"})
        self.ec: Any = jwk.ECKey.generate_key("P-256", {"kid": "ec-1"})
        self.published = [self.rsa, self.ec]
        self.fetches = 0
        self.status = 200
        self.body: bytes | None = None
        self.port = 0

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks_uri(self) -> str:
        return f"{self.issuer}/keys"

    @property
    def settings(self) -> dict[str, Any]:
        """What a server needs to accept its tokens."""
        return {
            "jwt_issuer": self.issuer,
            "jwt_audience": (AUDIENCE,),
            "jwt_jwks_uri": self.jwks_uri,
            "public_url": PUBLIC_URL,
        }

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Claims of a good token, with changes; None leaves a claim out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "auth|ada",
            "iat": now,
            "exp": now + 600,
            "scope": ALL_SCOPES,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(
        self, *, key: Any = None, algorithm: str = "RS256", header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """A signed token; see `claims`."""
        key = key or (self.ec if algorithm.startswith("ES") else self.rsa)
        head = {"alg": algorithm, "kid": key.kid} | (header or {})
        return jwt.encode(head, self.claims(**changes), key, algorithms=[algorithm])

    def unsigned(self, algorithm: str = "none") -> str:
        """A token without a signature."""
        return f"{_part({'alg': algorithm, 'kid': 'rsa-1'})}.{_part(self.claims())}."

    def signed_by_hand(self, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token whose signature is right, with a header or claims that no library writes."""
        signed = f"{_part({'alg': 'RS256', 'kid': self.rsa.kid} | (header or {}))}.{_part(self.claims(**changes))}"
        private: Any = self.rsa.private_key
        return f"{signed}.{_base64(private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def signed_with_public_key(self) -> str:
        """A token signed by HMAC with the text of the public key, which everybody has."""
        signed = f"{_part({'alg': 'HS256', 'kid': 'rsa-1'})}.{_part(self.claims())}"
        mac = hmac.digest(self.rsa.as_pem(private=False), signed.encode(), hashlib.sha256)
        return f"{signed}.{_base64(mac)}"


@contextmanager
def running_provider() -> Iterator[Provider]:
    """A provider that answers while the block runs."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.fetches += 1
            body = json.dumps({"keys": [key.as_dict(private=False) for key in provider.published]}).encode()
            body = body if provider.body is None else provider.body
            self.send_response(provider.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            thread.join()


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
