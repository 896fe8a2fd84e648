"""Settings: everything an operator can choose, read once at start-up and passed down."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from server.errors import ConfigurationError

ENV_PREFIX = "RETAIL_"
# Where containers find secrets: a file per setting, named like its variable in lower case.
SECRETS_DIR = Path("/run/secrets")


def default_data_dir() -> Path:
    """Per-user directory of the embedded database, its key and its demo tokens.

    The embedded server makes every parent of its data directory readable when it runs as root, so
    root gets a place whose parents are public anyway instead of one below its home.
    """
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/retail-mcp")
    return platformdirs.user_data_path("retail-mcp", appauthor=False)


class Settings(BaseSettings):
    """What the operator chose, from RETAIL_* variables or a .env file in the working directory."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_file=".env",
        # pydantic-settings warns of a directory that is not there.
        secrets_dir=SECRETS_DIR if SECRETS_DIR.is_dir() else None,
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory of the embedded database, its signing key and its demo tokens.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL URL of the server, logging in as mcp_user. Unset: the embedded database.",
    )
    auth_database_url: SecretStr | None = Field(
        default=None,
        description="The same database, logging in as mcp_auth, to look tokens up; needed with RETAIL_DATABASE_URL.",
    )
    audit_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "The same database, logging in as mcp_audit, to append to the audit log; needed with RETAIL_DATABASE_URL."
        ),
    )
    admin_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "PostgreSQL URL of a superuser (or an owner with BYPASSRLS) for migrations, demo data, stores and "
            "tokens. Unset: the embedded database."
        ),
    )
    context_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description=(
            "Secret of at least 32 characters that signs the store context; needed with RETAIL_DATABASE_URL. "
            "Make one with: python -m server key generate."
        ),
    )
    host: str = Field(default="127.0.0.1", description="Address that the HTTP server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port of the HTTP server; 0 picks a free one.")
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Comma-separated Host header values accepted besides the listening address, for a server behind a proxy."
        ),
    )
    token: SecretStr | None = Field(
        default=None, description="Bearer token that the stdio server acts for. The HTTP server ignores it."
    )
    store_id: str | None = Field(
        default=None,
        description="Store used on stdio when a call names none and the token has several stores.",
    )
    pool_size: int = Field(default=8, ge=1, le=100, description="Largest number of database connections.")
    pool_timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds a call waits for a free connection before it is refused.",
    )
    query_timeout_seconds: float = Field(
        default=10.0, gt=0, le=600, description="Seconds one query may run before it is stopped."
    )
    embeddings: Literal["wordllama", "openai"] = Field(
        default="wordllama",
        description="Embedding provider: wordllama works offline; openai is any OpenAI-compatible endpoint.",
    )
    embedding_model: str = Field(
        default="text-embedding-3-small",
        min_length=1,
        max_length=100,
        description="Model to ask the openai provider for.",
    )
    embedding_dimensions: int = Field(
        default=1536,
        ge=1,
        le=1900,
        description="Numbers per vector that the openai provider's model returns.",
    )
    openai_api_key: SecretStr | None = Field(default=None, description="API key of the openai provider.")
    openai_base_url: str | None = Field(
        default=None,
        description="Base URL of an OpenAI-compatible endpoint, for example http://127.0.0.1:11434/v1.",
    )
    embedding_timeout_seconds: float = Field(
        default=10.0, gt=0, le=300, description="Seconds one request to the openai provider may take."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severe level that is logged to standard error."
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(host.strip() for host in value.split(",") if host.strip())
        return value

    @field_validator("token", "store_id", mode="after")
    @classmethod
    def _is_expanded(cls, value: SecretStr | str | None) -> SecretStr | str | None:
        # Some clients pass an unset ${VARIABLE} through as that very text.
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if text is not None and text.startswith("${"):
            raise ValueError("holds an unexpanded ${...}; set the variable in the client's configuration")
        return value

    @property
    def embedded(self) -> bool:
        """True when the embedded database serves, because no URL names another one."""
        return self.database_url is None and self.admin_database_url is None


def load_settings() -> Settings:
    """Read the settings from the environment.

    Raises:
        ConfigurationError: A variable has an impossible value; its value is not repeated.
    """
    try:
        return Settings()
    except ValidationError as error:
        faults = "; ".join(
            f"{ENV_PREFIX}{'_'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()
        )
        raise ConfigurationError(f"The settings cannot be used. {faults}. See .env.example.") from None
    except SettingsError as error:
        raise ConfigurationError(
            f"A settings file cannot be read ({type(error.__cause__).__name__}). Check that this user may read .env "
            f"and the files in {SECRETS_DIR}."
        ) from None
