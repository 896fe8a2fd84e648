"""Where embeddings are asked for and of which model: settings in, a client of the openai package out."""

from __future__ import annotations

import re
from dataclasses import dataclass

import openai
from pydantic import HttpUrl, TypeAdapter, ValidationError

from server.config import Settings
from server.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api.openai.com/v1"
MAX_DIMENSIONS = 1_900
"""A stored vector must fit a page of the database: see sql/versioned/0040_tables.sql."""
_MAX_NAME = 100
# Source: OpenAI's embeddings guide.
_OWN_DIMENSIONS = {"text-embedding-3-small": 1_536, "text-embedding-3-large": 3_072, "text-embedding-ada-002": 1_536}
_SHORTENED = re.compile(r"(.+)@([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Model:
    """An embedding model at one length of its vectors.

    Attributes:
        name: As it stands beside stored vectors: MODEL, or MODEL@NUMBER where it was asked for other dimensions than
            its own, so that two lengths of one model can stand side by side while one replaces the other.
        requested: As the endpoint knows it.
        dimensions: Numbers per vector.
        asks_dimensions: Whether the request says how many. Endpoints may refuse a parameter that they do not know.
    """

    name: str
    requested: str
    dimensions: int
    asks_dimensions: bool


def chosen_model(settings: Settings, name: str | None = None, dimensions: int | None = None) -> Model:
    """The model of the settings, or another one by name.

    Args:
        settings: The operator's choices.
        name: MODEL or MODEL@NUMBER; the settings' model when None.
        dimensions: Numbers per vector where the name does not tell; else what is known of the model, or the setting.

    Raises:
        ConfigurationError: The name or the number is impossible.
    """
    configured = _parts(settings.embedding_model)[0]
    requested, shortened = _parts(name or settings.embedding_model)
    own = _OWN_DIMENSIONS.get(requested)
    if name is None or requested == configured:
        fallback = settings.embedding_dimensions
    else:
        fallback = own or settings.embedding_dimensions
    chosen = shortened or dimensions or fallback
    if chosen > MAX_DIMENSIONS:
        raise ConfigurationError(
            f"Vectors of {requested} have {chosen} numbers; at most {MAX_DIMENSIONS} can be stored. Ask for fewer with "
            f"RETAIL_EMBEDDING_DIMENSIONS, or with --model {requested}@1024."
        )
    asks = shortened is not None or "text-embedding-3" in requested
    full_name = f"{requested}@{chosen}" if asks and chosen != own else requested
    if len(full_name) > _MAX_NAME:
        raise ConfigurationError(f"The name of the embedding model is longer than {_MAX_NAME} characters.")
    return Model(full_name, requested, chosen, asks)


def client(settings: Settings, model: Model, *, timeout_seconds: float, max_retries: int) -> openai.AsyncOpenAI:
    """A client of the settings' endpoint.

    Key and URL are always given: left out, the package takes them from its own variables and could send the key of
    one endpoint to another.

    Raises:
        ConfigurationError: A setting is missing or unusable; a key is not repeated.
    """
    if settings.embeddings == "azure":
        return openai.AsyncAzureOpenAI(
            azure_endpoint=_url("RETAIL_AZURE_OPENAI_ENDPOINT", settings.azure_openai_endpoint),
            azure_deployment=_deployment(settings, model),
            api_version=settings.azure_openai_api_version,
            api_key=_key(settings, needed_by="RETAIL_EMBEDDINGS=azure"),
            timeout=timeout_seconds,
            max_retries=max_retries,
        )
    needed_by = None if settings.openai_base_url else "OpenAI's own endpoint"
    return openai.AsyncOpenAI(
        api_key=_key(settings, needed_by=needed_by),
        base_url=_url("RETAIL_OPENAI_BASE_URL", settings.openai_base_url or DEFAULT_BASE_URL),
        timeout=timeout_seconds,
        max_retries=max_retries,
    )


def _parts(name: str) -> tuple[str, int | None]:
    shortened = _SHORTENED.fullmatch(name)
    if shortened is None:
        return name, None
    if not int(shortened[2]):
        raise ConfigurationError(f"{name} asks for vectors of no dimensions.")
    return shortened[1], int(shortened[2])


def _deployment(settings: Settings, model: Model) -> str:
    """The deployment of the settings' model; others are expected to be deployed under their own names."""
    if settings.azure_openai_deployment and model.requested == _parts(settings.embedding_model)[0]:
        return settings.azure_openai_deployment
    return model.requested


def _key(settings: Settings, *, needed_by: str | None) -> str:
    key = settings.openai_api_key.get_secret_value().strip() if settings.openai_api_key else ""
    if not (key.isascii() and key.isprintable()):
        raise ConfigurationError("RETAIL_OPENAI_API_KEY holds a character that cannot be sent in an HTTP header.")
    if not key and needed_by:
        raise ConfigurationError(
            f"RETAIL_OPENAI_API_KEY is not set, and {needed_by} asks for it. Set it, or RETAIL_OPENAI_BASE_URL with "
            "RETAIL_EMBEDDINGS=openai for an endpoint that needs no key."
        )
    return key or "unused"


def _url(setting: str, url: str | None) -> str:
    if url is None:
        raise ConfigurationError(f"{setting} is not set; for example https://my-resource.openai.azure.com.")
    try:
        TypeAdapter(HttpUrl).validate_python(url)
    except ValidationError:
        raise ConfigurationError(f"{setting} is not an HTTP URL such as http://127.0.0.1:11434/v1.") from None
    return url
