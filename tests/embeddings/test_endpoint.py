"""Which endpoint is asked for which model: Azure's paths and key, and the names of models."""

from __future__ import annotations

import pytest

from server.config import Settings
from server.embeddings import LOCAL_MODEL, build_embedder
from server.embeddings.endpoint import Model, chosen_model
from server.errors import ConfigurationError, EmbeddingUnavailableError
from tests.embeddings.openai_server import API_KEY, OpenAIServer

SETTINGS = Settings(_env_file=None, embeddings="openai", openai_api_key=API_KEY)


async def test_azure_is_asked_by_deployment_version_and_its_own_header(openai_server: OpenAIServer) -> None:
    openai_server.deployments = {"shop-embeddings": "text-embedding-3-small"}
    embedder = build_embedder(openai_server.azure_settings(azure_openai_deployment="shop-embeddings"))

    (vector,) = await embedder.embed(["drill"])
    await embedder.close()

    (request,) = openai_server.requests
    assert len(vector) == 1_536
    assert request.path == "/openai/deployments/shop-embeddings/embeddings?api-version=2024-10-21"
    assert request.headers["api-key"] == API_KEY
    assert "authorization" not in request.headers
    assert request.body["model"] == "text-embedding-3-small"
    assert embedder.model == "text-embedding-3-small"


async def test_a_deployment_is_named_like_its_model_unless_told_otherwise(openai_server: OpenAIServer) -> None:
    openai_server.deployments = {"text-embedding-3-large": "text-embedding-3-large", "shop": "text-embedding-3-small"}
    settings = openai_server.azure_settings(azure_openai_deployment="shop", azure_openai_api_version="2025-01-01")
    embedder = build_embedder(settings, "text-embedding-3-large@512")

    (vector,) = await embedder.embed(["drill"])
    await embedder.close()

    assert len(vector) == 512
    assert openai_server.requests[0].path == (
        "/openai/deployments/text-embedding-3-large/embeddings?api-version=2025-01-01"
    )


async def test_a_deployment_that_is_not_there_names_what_to_check(openai_server: OpenAIServer) -> None:
    embedder = build_embedder(openai_server.azure_settings())

    with pytest.raises(EmbeddingUnavailableError, match=r"HTTP 404.*deployment"):
        await embedder.embed(["drill"])
    await embedder.close()


async def test_azure_takes_no_credential_from_elsewhere(
    openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "somebody-elses")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "somebody-elses")
    monkeypatch.setenv("OPENAI_API_VERSION", "1999-01-01")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:1")
    openai_server.deployments = {"text-embedding-3-small": "text-embedding-3-small"}
    embedder = build_embedder(openai_server.azure_settings())

    await embedder.embed(["drill"])
    await embedder.close()

    assert "somebody-elses" not in str(openai_server.requests[0].headers)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"azure_openai_endpoint": None}, "RETAIL_AZURE_OPENAI_ENDPOINT is not set"),
        ({"azure_openai_endpoint": "my-resource"}, "RETAIL_AZURE_OPENAI_ENDPOINT is not an HTTP URL"),
        ({"openai_api_key": None}, "RETAIL_OPENAI_API_KEY is not set, and RETAIL_EMBEDDINGS=azure"),
    ],
)
def test_azure_needs_its_settings(changes: dict[str, str | None], message: str) -> None:
    chosen = {"azure_openai_endpoint": "https://my-resource.openai.azure.com", "openai_api_key": API_KEY} | changes

    with pytest.raises(ConfigurationError, match=message):
        build_embedder(Settings(_env_file=None, embeddings="azure", **chosen))


@pytest.mark.parametrize(
    ("name", "dimensions", "chosen"),
    [
        (None, None, Model("text-embedding-3-small", "text-embedding-3-small", 1_536, True)),
        ("text-embedding-3-small@256", None, Model("text-embedding-3-small@256", "text-embedding-3-small", 256, True)),
        (
            "text-embedding-3-small@1536",
            None,
            Model("text-embedding-3-small", "text-embedding-3-small", 1_536, True),
        ),
        ("text-embedding-ada-002", None, Model("text-embedding-ada-002", "text-embedding-ada-002", 1_536, False)),
        ("nomic-embed-text", 768, Model("nomic-embed-text", "nomic-embed-text", 768, False)),
        ("nomic-embed-text@512", None, Model("nomic-embed-text@512", "nomic-embed-text", 512, True)),
        ("@cf/baai/bge-m3", 1_024, Model("@cf/baai/bge-m3", "@cf/baai/bge-m3", 1_024, False)),
    ],
)
def test_a_name_tells_the_model_and_its_dimensions(name: str | None, dimensions: int | None, chosen: Model) -> None:
    assert chosen_model(SETTINGS, name, dimensions) == chosen


def test_fewer_dimensions_by_setting_are_another_model() -> None:
    shorter = SETTINGS.model_copy(update={"embedding_dimensions": 256})

    assert chosen_model(shorter).name == "text-embedding-3-small@256"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text-embedding-3-large", "3072 numbers; at most 1900.*--model text-embedding-3-large@1024"),
        ("nomic-embed-text@0", "no dimensions"),
        ("m" * 100 + "@512", "longer than 100"),
    ],
)
def test_an_impossible_model_is_refused_at_once(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build_embedder(SETTINGS, name)


@pytest.mark.parametrize("name", [LOCAL_MODEL, "wordllama"])
def test_the_local_model_can_be_named_whatever_the_settings(name: str) -> None:
    assert build_embedder(SETTINGS, name).model == LOCAL_MODEL
