"""The local provider with its real model."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import wordllama

from server.config import Settings
from server.embeddings import build_embedder, local
from server.embeddings.local import TEXTS_PER_CALL, WordLlamaEmbedder
from server.errors import EmbeddingUnavailableError

FIRST_QUERY_OFFLINE = """
import asyncio, logging, socket, sys

def refuse(*_):
    raise AssertionError("no network")

socket.socket.connect = socket.getaddrinfo = refuse

import server.embeddings
assert "numpy" not in sys.modules

from server.config import Settings
embedder = server.embeddings.build_embedder(Settings(_env_file=None))
assert not {"wordllama", "openai"} & set(sys.modules)

[vector] = asyncio.run(embedder.embed(["hammer drill"]))
assert len(vector) == 256
assert "wordllama" in sys.modules and "openai" not in sys.modules
assert not logging.getLogger().handlers
"""


@pytest.fixture(scope="module")
def embedder() -> WordLlamaEmbedder:
    return WordLlamaEmbedder()


def test_first_query_works_offline_in_silence_and_loads_nothing_before(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIRST_QUERY_OFFLINE],
        env={"PYTHONPATH": str(Path.cwd()), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


async def test_wordllama_is_the_default() -> None:
    assert build_embedder(Settings(_env_file=None)).model == "wordllama-l2-supercat-256"


async def test_vectors_are_unit_length_float32(embedder: WordLlamaEmbedder) -> None:
    vectors = await embedder.embed(["hammer drill", "garden hose"])

    for vector in vectors:
        assert (vector.dtype, vector.shape) == (np.float32, (embedder.dimensions,))
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


async def test_half_precision_weights_give_the_vectors_of_the_library(embedder: WordLlamaEmbedder) -> None:
    library = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)

    [vector] = await embedder.embed(["Cordless hammer drill, 18 V"])

    np.testing.assert_allclose(vector, library.embed("Cordless hammer drill, 18 V", norm=True)[0], atol=1e-6)


async def test_similar_texts_are_closer_than_unrelated_ones(embedder: WordLlamaEmbedder) -> None:
    drill, screwdriver, compost = await embedder.embed(
        ["cordless hammer drill", "electric screwdriver", "compost for roses"]
    )

    assert drill @ screwdriver > embedder.noise_floor > drill @ compost


async def test_a_batch_gives_the_same_vectors_as_single_texts_in_order(embedder: WordLlamaEmbedder) -> None:
    texts = [f"{'long ' * (number % 7)}article {number}" for number in range(TEXTS_PER_CALL + 10)]

    batch = await embedder.embed(texts)

    assert len(batch) == len(texts)
    for number in (0, 40, TEXTS_PER_CALL, TEXTS_PER_CALL + 9):
        [single] = await embedder.embed([texts[number]])
        np.testing.assert_allclose(batch[number], single, atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", "\x00", "\ud800", "日本語", "x" * 1_000_000])
async def test_every_text_has_a_vector(embedder: WordLlamaEmbedder, text: str) -> None:
    [vector] = await embedder.embed([text])

    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)


async def test_no_texts_load_no_model(loads: list[None]) -> None:
    assert await WordLlamaEmbedder().embed([]) == []
    assert loads == []


async def test_concurrent_first_queries_load_the_model_once(loads: list[None]) -> None:
    embedder = WordLlamaEmbedder()

    await asyncio.gather(*(embedder.embed(["drill"]) for _ in range(20)))

    assert len(loads) == 1


async def test_event_loop_keeps_turning_during_a_batch(embedder: WordLlamaEmbedder) -> None:
    texts = ["cordless hammer drill with two batteries and a case"] * (6 * TEXTS_PER_CALL)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    turning = asyncio.create_task(turn())
    await embedder.embed(texts)
    turning.cancel()

    # A blocked loop would turn once between two calls.
    assert turns > 3 * len(texts) / TEXTS_PER_CALL


async def test_a_broken_installation_says_so_and_may_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = WordLlamaEmbedder()

    def missing(**_: object) -> None:
        raise FileNotFoundError("/secret/path")

    with monkeypatch.context() as broken:
        broken.setattr(wordllama.WordLlama, "load", missing)
        with pytest.raises(EmbeddingUnavailableError, match=r"\(FileNotFoundError\).*wordllama") as failure:
            await embedder.embed(["drill"])

    assert "secret" not in str(failure.value)
    assert len(await embedder.embed(["drill"])) == 1


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One item for each time that the model was loaded."""
    seen: list[None] = []
    load: Callable[[], object] = local._load_wordllama

    def counted() -> object:
        seen.append(None)
        return load()

    monkeypatch.setattr(local, "_load_wordllama", counted)
    return seen
