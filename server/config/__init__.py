"""Settings: everything an operator can choose, read once at start-up and passed down."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from server.config.unknown_settings import unknown_settings
from server.errors import ConfigurationError

JwtAlgorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"
]

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

ENV_PREFIX = "RETAIL_"
# Where containers find secrets: a file per setting, named like its variable in lower case.
SECRETS_DIR = Path("/run/secrets")
# Read from the working directory.
ENV_FILE = Path(".env")
MOST_WORKERS = 64


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
        env_file=ENV_FILE,
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
    embed_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "The same database, logging in as mcp_embed, to keep embeddings in step with their products. Unset: "
            "retail-mcp-seed embed does."
        ),
    )
    sql_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "The same database, logging in as mcp_sql, to run SQL that callers write (docs/ad-hoc-sql.md). Unset: "
            "get_schema and run_query are not offered."
        ),
    )
    replica_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "A hot standby of the same database, logging in as mcp_user, that tools read from; who may read what is "
            "checked on the primary (docs/scaling.md). Unset: they read from RETAIL_DATABASE_URL."
        ),
    )
    replica_max_lag_seconds: float = Field(
        default=5.0,
        ge=1,
        le=3_600,
        description="Seconds that the standby may be behind; beyond, tools read from RETAIL_DATABASE_URL again.",
    )
    admin_database_url: SecretStr | None = Field(
        default=None,
        description=(
            "PostgreSQL URL of a superuser (or an owner with BYPASSRLS) for migrations, demo data, stores and "
            "tokens. Unset: the embedded database."
        ),
    )
    pg_bin: Path | None = Field(
        default=None,
        description=(
            "Directory of PostgreSQL's pg_dump and pg_restore, for backups. Unset: looked for in PATH, then beside "
            "the embedded server."
        ),
    )
    context_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description=(
            "Secret of at least 32 characters that signs the store context; needed with RETAIL_DATABASE_URL. "
            "Make one with: retail-mcp key generate."
        ),
    )
    context_key_file: Path | None = Field(
        default=None,
        description=(
            "File that holds that secret instead, alone; running servers take up a new one from it (docs/keys.md)."
        ),
    )
    host: str = Field(default="127.0.0.1", description="Address that the HTTP server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port of the HTTP server; 0 picks a free one.")
    workers: int = Field(
        default=1,
        ge=1,
        le=MOST_WORKERS,
        description=(
            "Processes of the HTTP server on that port; every limit counts per process, and more than one offers no "
            "HTTP+SSE (docs/scaling.md)."
        ),
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Comma-separated Host header values accepted besides the listening address, for a server behind a proxy."
        ),
    )
    allowed_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated Origin header values accepted besides the server's own, for clients in a browser.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description=(
            "Comma-separated addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are "
            "believed. Unset: nobody's."
        ),
    )
    public_url: str | None = Field(
        default=None,
        description=(
            "URL at which clients reach the server, without /mcp, for example https://retail.example.com; its host "
            "is an allowed one. Needed with an identity provider."
        ),
    )
    jwt_issuer: str | None = Field(
        default=None,
        description="Identity provider: the exact iss of its tokens. With it come the next two (docs/remote.md).",
    )
    jwt_audience: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="The aud that a token must have to be meant for this server; comma-separated if several.",
    )
    jwt_jwks_uri: str | None = Field(default=None, description="Where the identity provider publishes its keys.")
    jwt_algorithms: Annotated[tuple[JwtAlgorithm, ...], NoDecode] = Field(
        default=("RS256", "ES256"),
        min_length=1,
        description="Comma-separated signature algorithms that the identity provider may use; asymmetric ones only.",
    )
    token: SecretStr | None = Field(
        default=None, description="Bearer token that the stdio server acts for. The HTTP server ignores it."
    )
    store_id: str | None = Field(
        default=None,
        description="Store used on stdio when a call names none and the token has several stores.",
    )
    pool_size: int = Field(default=8, ge=1, le=100, description="Largest number of database connections.")
    statement_cache_size: int = Field(
        default=100,
        ge=0,
        le=10_000,
        description=(
            "Prepared statements that a connection of RETAIL_DATABASE_URL keeps; 0 for a connection pooler in "
            "transaction mode that knows none, such as PgBouncer before 1.21 (docs/scaling.md)."
        ),
    )
    pool_timeout_seconds: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds a call waits for a free connection before it is refused.",
    )
    query_timeout_seconds: float = Field(
        default=10.0, gt=0, le=600, description="Seconds one query may run before it is stopped."
    )
    rate_per_minute: int = Field(
        default=300,
        ge=1,
        le=1_000_000,
        description=(
            "Tool calls per minute that one principal may make in the long run; each further 50 ms in the database "
            "count as another."
        ),
    )
    rate_burst: int = Field(
        default=30, ge=1, le=1_000_000, description="Tool calls that one principal may make at once after a pause."
    )
    store_concurrency: int = Field(
        default=4,
        ge=1,
        le=100,
        description="Calls of one store that run at the same time, at most one less than RETAIL_POOL_SIZE.",
    )
    principal_concurrency: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Calls of one principal that run at the same time, at most one less than RETAIL_POOL_SIZE.",
    )
    max_result_bytes: int = Field(
        default=100_000,
        ge=4_096,
        le=16_777_216,
        description="Largest answer of a tool in bytes of JSON; a larger one is sent with fewer rows and says so.",
    )
    max_request_bytes: int = Field(
        default=1_048_576,
        ge=16_384,
        le=4_194_304,
        description="Largest body of an HTTP request in bytes; a larger one gets 413.",
    )
    max_connections: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="HTTP connections, idle ones included, beyond which new requests get 503.",
    )
    keep_alive_seconds: int = Field(
        default=75,
        ge=1,
        le=3_600,
        description=(
            "Seconds that an idle HTTP connection is kept; longer than clients and proxies keep theirs. The longest "
            "idle ones go earlier when nine tenths of RETAIL_MAX_CONNECTIONS are in use."
        ),
    )
    embeddings: Literal["wordllama", "openai", "azure"] = Field(
        default="wordllama",
        description=(
            "Embedding provider: wordllama works offline; openai is any OpenAI-compatible endpoint; azure is Azure "
            "OpenAI (docs/embeddings.md)."
        ),
    )
    embedding_model: str = Field(
        default="text-embedding-3-small",
        min_length=1,
        max_length=100,
        description="Model to ask the openai or azure provider for.",
    )
    embedding_dimensions: int = Field(
        default=1536,
        ge=1,
        le=1900,
        description=(
            "Numbers per vector of that model; text-embedding-3 models are asked for as many, others must return them."
        ),
    )
    openai_api_key: SecretStr | None = Field(default=None, description="API key of the openai or azure provider.")
    openai_base_url: str | None = Field(
        default=None,
        description="Base URL of an OpenAI-compatible endpoint, for example http://127.0.0.1:11434/v1.",
    )
    azure_openai_endpoint: str | None = Field(
        default=None, description="Azure OpenAI: the resource's URL, for example https://my-resource.openai.azure.com."
    )
    azure_openai_api_version: str = Field(
        default="2024-10-21", min_length=1, description="Azure OpenAI: version of its API."
    )
    azure_openai_deployment: str | None = Field(
        default=None, description="Azure OpenAI: deployment of RETAIL_EMBEDDING_MODEL. Unset: named like the model."
    )
    embedding_timeout_seconds: float = Field(
        default=10.0, gt=0, le=300, description="Seconds one request to the embedding provider may take."
    )
    embed_interval_seconds: float = Field(
        default=60.0,
        ge=0,
        le=86_400,
        description=(
            "Seconds between two looks for new and changed products to embed; 0 turns that off. With "
            "RETAIL_DATABASE_URL it needs RETAIL_EMBED_DATABASE_URL."
        ),
    )
    metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description=(
            "TCP port that serves metrics for Prometheus (docs/monitoring.md); 0 picks a free one. Unset: no metrics."
        ),
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address that metrics are served on, without authentication: for your own network only.",
    )
    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        le=600,
        description=(
            "Seconds that the HTTP server goes on serving after SIGTERM while /ready says 503, so that balancers "
            "turn away before it stops."
        ),
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Form of the log: text for people, or json, one object a line."
    )
    log_level: LogLevel | None = Field(
        default=None,
        description=(
            "Least severe level that is logged to standard error. Unset: INFO, but WARNING for stdio and the bridge, "
            "since clients show their standard error as errors."
        ),
    )

    @field_validator(
        "allowed_hosts", "allowed_origins", "trusted_proxies", "jwt_audience", "jwt_algorithms", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("public_url", "jwt_issuer", "jwt_jwks_uri", mode="after")
    @classmethod
    def _is_protected(cls, value: str | None) -> str | None:
        # Whoever could change what comes from there on its way would decide who may ask.
        if value is None:
            return None
        try:
            parts = urlsplit(value)
        except ValueError:
            raise ValueError("is no URL") from None
        schemes = ("https", "http") if parts.hostname in ("localhost", "127.0.0.1", "::1") else ("https",)
        if not parts.hostname or parts.username is not None or parts.scheme not in schemes:
            raise ValueError("must be an https:// URL; http:// only for addresses of this machine itself")
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
        # Nor any of the others: whoever sets one of them means a database of their own.
        return not any(
            getattr(self, name) is not None for name in type(self).model_fields if name.endswith("database_url")
        )


def load_settings(env_file: Path | None = ENV_FILE) -> Settings:
    """Read the settings from the environment.

    Args:
        env_file: File that they are read from too; None for programs that a client starts, in a directory of whose
            files nobody knows.

    Raises:
        ConfigurationError: A variable has an impossible value, which is not repeated, or is no setting.
    """
    known = [f"{ENV_PREFIX}{name.upper()}" for name in Settings.model_fields]
    try:
        settings = Settings(_env_file=env_file)  # type: ignore[call-arg]
        unknown = unknown_settings(known, ENV_PREFIX, env_file=env_file, secrets_dir=SECRETS_DIR)
    except ValidationError as error:
        faults = "; ".join(f"{ENV_PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors())
        raise ConfigurationError(f"The settings cannot be used. {faults}. See .env.example.") from None
    except (SettingsError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"A settings file cannot be read ({type(error.__cause__ or error).__name__}). Check that this user may "
            f"read .env and the files in {SECRETS_DIR}, and that they are text in UTF-8."
        ) from None
    if unknown:
        raise ConfigurationError(f"The settings cannot be used. {' '.join(unknown)} See .env.example.")
    return settings
