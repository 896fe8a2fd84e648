"""The signed request token: the same HMAC on both sides."""

from __future__ import annotations

import hashlib
import hmac
import time

import pytest

from server.tenancy.context_token import REQUEST_TOKEN_SECONDS, ContextSigner

KEYS = ["short", "k" * 63, "k" * 64, "k" * 65, "k" * 200, "schlüssel-mit-ümlauten-0123456789"]


def as_the_database_computes_it(signer: ContextSigner, message: bytes) -> bytes:
    """RFC 2104 as in sql/repeatable/0030_guard.sql, which has sha256() but no hmac()."""
    inner, outer = signer.pads()
    return hashlib.sha256(outer + hashlib.sha256(inner + message).digest()).digest()


def test_the_pads_give_the_published_answer() -> None:
    """RFC 4231, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert as_the_database_computes_it(ContextSigner("Jefe"), b"what do ya want for nothing?").hex() == expected


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{len(key.encode())} bytes")
def test_the_pads_agree_with_hmac(key: str) -> None:
    signer = ContextSigner(key)
    assert [len(pad) for pad in signer.pads()] == [64, 64]
    expected = hmac.digest(key.encode(), b"some message", "sha256")
    assert as_the_database_computes_it(signer, b"some message") == expected


def test_a_token_is_a_signature_and_what_it_signs() -> None:
    signer = ContextSigner(KEYS[-1])
    before = time.time()
    token = signer.sign(42, "seattle", credential=7)
    signature, payload = token[:64], token[64:]
    assert as_the_database_computes_it(signer, payload.encode()).hex() == signature
    mark, kid, expires, principal, store, credential = payload.split("|")
    assert (mark, kid, principal, store, credential) == ("T", signer.kid, "42", "seattle", "7")
    assert before + REQUEST_TOKEN_SECONDS - 1 <= float(expires) <= time.time() + REQUEST_TOKEN_SECONDS + 1


def test_the_key_id_tells_keys_apart_and_gives_nothing_away() -> None:
    kids = {ContextSigner(key).kid for key in KEYS}
    assert len(kids) == len(KEYS)
    for key in KEYS:
        kid = ContextSigner(key).kid
        assert len(kid) == 16
        assert not hashlib.sha256(key.encode()).hexdigest().startswith(kid)
