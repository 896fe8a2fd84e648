"""Database URLs: each parameter of libpq is done, left out where nothing is lost, or refused by its name.

Hosting services print URLs for libpq. The driver takes a part of libpq's parameters and sends every other one to the
database as a setting of the session, which refuses it; so each parameter is looked at here first.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import gaierror
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import asyncpg

from server.errors import ConfigurationError

CONNECT_TIMEOUT_SECONDS: Final = 5.0
# What the driver raises when a connection cannot be made; OverflowError for a port beyond 65535.
OPENING_ERRORS: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ValueError,
    OverflowError,
)
FORM: Final = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"

# Source of the names: PostgreSQL 18 documentation, 34.1.2, parameter key words. These the driver does itself.
_PASSED_ON: Final = frozenset(
    {
        "host",
        "port",
        "dbname",
        "user",
        "password",
        "passfile",
        "sslmode",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "target_session_attrs",
        "krbsrvname",
        "gsslib",
        "service",
        "servicefile",
        # The database itself reads this one.
        "options",
    }
)
# Nothing is lost without them: the default names of others, probes of a silent peer, what the driver does anyway.
_NOT_NEEDED: Final[Mapping[str, frozenset[str] | None]] = {
    "fallback_application_name": None,
    "keepalives": None,
    "keepalives_idle": None,
    "keepalives_interval": None,
    "keepalives_count": None,
    "tcp_user_timeout": None,
    "sslcompression": None,
    "sslsni": frozenset({"1"}),
    "sslcertmode": frozenset({"allow"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "gssdelegation": frozenset({"0"}),
    "channel_binding": frozenset({"disable", "prefer"}),
    "client_encoding": frozenset({"auto", "utf8", "utf-8", "unicode"}),
    "load_balance_hosts": frozenset({"disable"}),
    "min_protocol_version": frozenset({"3.0"}),
    "max_protocol_version": None,
    "replication": frozenset({"0", "false", "off", "no"}),
}
# The rest of libpq's.
_NOT_DONE: Final = frozenset(
    {
        "hostaddr",
        "require_auth",
        "requirepeer",
        "sslcrldir",
        "sslkeylogfile",
        "scram_client_key",
        "scram_server_key",
        "oauth_issuer",
        "oauth_client_id",
        "oauth_client_secret",
        "oauth_scope",
    }
)
_HIGHEST_PORT: Final = 65_535
_NAME: Final = re.compile("[a-z_]{1,40}")
_HOST: Final = re.compile(r"(?:\[[^\]]*\]|[^:\[\]]*)(?::(\d{0,5}))?")
_REMEDIES: Final = {
    "channel_binding": (
        "The driver does not support it. Take it out; sslmode=verify-full&sslrootcert=system keeps others from posing "
        "as the database."
    ),
    "pgbouncer": "It is no parameter of PostgreSQL. Take it out; here it is RETAIL_STATEMENT_CACHE_SIZE=0.",
    "connection_limit": "It is no parameter of PostgreSQL. Take it out; here it is RETAIL_POOL_SIZE.",
}
_CANNOT: Final = "The driver does not support it. Take it out."
_UNKNOWN: Final = (
    "It is no parameter of PostgreSQL. Take it out; a setting of the session has the form options=-c%20NAME%3DVALUE."
)


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL in its parts.

    Attributes:
        dsn: What the driver gets.
        bare: The URL for libpq's programs, without its password.
        user: Login, if the URL names one.
        password: Its password, if the URL holds one.
        database: Name of the database; empty where the URL names none.
        timeout_seconds: Longest wait for a connection; None for no limit (connect_timeout=0).
        application_name: What the URL wants the sessions to be called.
        tls: How to verify the database's certificate, where that is more than the driver does by itself.
    """

    dsn: str = field(repr=False)
    bare: str
    user: str | None
    password: str | None = field(repr=False)
    database: str
    timeout_seconds: float | None = CONNECT_TIMEOUT_SECONDS
    application_name: str | None = None
    tls: ssl.SSLContext | None = None

    def options(self, application_name: str, settings: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Arguments for the driver's `connect` and `create_pool`.

        Args:
            application_name: What the sessions are called unless the URL says otherwise.
            settings: Further settings of the session; they win over those of the URL.
        """
        named = {"application_name": self.application_name or application_name}
        options = {"dsn": self.dsn, "timeout": self.timeout_seconds, "server_settings": named | dict(settings or {})}
        return options if self.tls is None else options | {"ssl": self.tls}


def parsed(url: str, setting: str) -> DatabaseUrl:
    """Split a URL, and look at every parameter.

    Args:
        url: As the operator gave it.
        setting: Variable that it came from, for the error that names it.

    Raises:
        ConfigurationError: It is no URL of PostgreSQL's, or has a parameter that cannot be done. It is not repeated.
    """
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
    except ValueError:
        raise _unreadable(setting) from None
    login, _, host = parts.netloc.rpartition("@")
    if (
        parts.scheme not in ("postgresql", "postgres")
        or parts.fragment
        or not unquote(url).isprintable()
        or not all(_is_host(each) for each in host.split(","))
    ):
        raise _unreadable(setting)
    parameters = dict(given)
    timeout = _timeout(parameters.pop("connect_timeout", ""), setting)
    application_name = parameters.pop("application_name", None)
    tls = _system_roots(parameters, setting) if parameters.get("sslrootcert") == "system" else None
    user, _, password = login.partition(":")
    kept = {name: value for name, value in parameters.items() if not _is_dropped(name, value, setting)}
    return DatabaseUrl(
        dsn=_with_query(parts, kept),
        bare=_with_query(
            parts._replace(netloc=f"{user}@{host}" if login else host),
            {name: value for name, value in given if name != "password"},
        ),
        user=unquote(user) or parameters.get("user"),
        password=unquote(password) or parameters.get("password"),
        database=unquote(parts.path.removeprefix("/")) or parameters.get("dbname", ""),
        timeout_seconds=timeout,
        application_name=application_name or None,
        tls=tls,
    )


def of_database(url: str, database: str, setting: str) -> str:
    """The same URL with another database of that server; raises like `parsed`."""
    parsed(url, setting)
    parts = urlsplit(url)
    parameters = {name: value for name, value in parse_qsl(parts.query) if name != "dbname"}
    return _with_query(parts._replace(path=f"/{quote(database, safe='')}"), parameters)


async def connect(
    url: str, setting: str, *, application_name: str, settings: Mapping[str, str] | None = None, **options: Any
) -> Any:
    """Open one connection.

    Args:
        url: Where to.
        setting: Variable that it came from.
        application_name: What the session is called unless the URL says otherwise.
        settings: Further settings of the session.
        options: Further arguments of the driver's.

    Raises:
        ConfigurationError: See `parsed` and `opening`.
    """
    with opening(setting):
        return await asyncpg.connect(**parsed(url, setting).options(application_name, settings), **options)


@contextmanager
def opening(setting: str) -> Iterator[None]:
    """Tell what a failure to open a connection means, without the driver's text, which may repeat the URL.

    Raises:
        ConfigurationError: What is wrong, and what to check.
    """
    try:
        yield
    except OPENING_ERRORS as error:
        raise ConfigurationError(f"The database of {setting} cannot be opened: {_meaning(error, setting)}") from None


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return found is not None and int(found[1] or 0) <= _HIGHEST_PORT


def _is_dropped(name: str, value: str, setting: str) -> bool:
    """Whether the driver need not see a parameter; raises for one that it cannot do."""
    if name in _PASSED_ON:
        return False
    harmless = _NOT_NEEDED.get(name, frozenset())
    if harmless is None or value.lower() in harmless:
        return True
    remedy = _REMEDIES.get(name) or (_CANNOT if name in _NOT_NEEDED or name in _NOT_DONE else _UNKNOWN)
    # A name that looks like none may be a part of a password.
    shown = f"the parameter {name}" if _NAME.fullmatch(name) else "a parameter without a proper name"
    raise ConfigurationError(f"The URL in {setting} has {shown}. {remedy}")


def _timeout(text: str, setting: str) -> float | None:
    """Seconds of connect_timeout as libpq counts them: whole ones, at least two, and none for zero and below."""
    if not text:
        return CONNECT_TIMEOUT_SECONDS
    try:
        seconds = int(text)
    except ValueError:
        raise ConfigurationError(f"connect_timeout in {setting} is no whole number of seconds.") from None
    return max(seconds, 2) if seconds > 0 else None


def _system_roots(parameters: dict[str, str], setting: str) -> ssl.SSLContext:
    """What sslrootcert=system asks for: the certificates that this machine trusts, and the host's name compared."""
    if parameters.pop("sslmode", "verify-full") != "verify-full":
        raise ConfigurationError(f"sslrootcert=system in {setting} goes with sslmode=verify-full only.")
    del parameters["sslrootcert"]
    context = ssl.create_default_context()
    context.set_alpn_protocols(["postgresql"])
    if certificate := parameters.pop("sslcert", None):
        with opening(setting):
            key, secret = parameters.pop("sslkey", None), parameters.pop("sslpassword", "")
            context.load_cert_chain(certificate, key, lambda: secret)
    return context


def _with_query(parts: SplitResult, parameters: Mapping[str, str]) -> str:
    query = urlencode(parameters, quote_via=quote)
    # Not urlunsplit, which drops the two slashes before an empty host.
    return f"{parts.scheme}://{parts.netloc}{parts.path}{f'?{query}' if query else ''}"


def _unreadable(setting: str) -> ConfigurationError:
    return ConfigurationError(
        f"{setting} is no URL of a PostgreSQL database. It has the form {FORM}, with special characters of user and "
        "password percent-encoded (# is %23, / is %2F, @ is %40)."
    )


# What each kind of failure means, and what to look at; the first that fits counts.
_MEANINGS: Final[tuple[tuple[type[BaseException], str, str], ...]] = (
    (asyncpg.InvalidPasswordError, "it refuses the login or its password", "user and password"),
    (
        asyncpg.InvalidAuthorizationSpecificationError,
        "it does not let this login in from here",
        "user, and sslmode=require if the database demands TLS. Its pg_hba.conf says who may come from where",
    ),
    (asyncpg.InvalidCatalogNameError, "its server has no database of that name", "database name"),
    (asyncpg.TooManyConnectionsError, "it takes no more connections", "max_connections there, and who holds them"),
    (asyncpg.CannotConnectNowError, "it is starting or stopping", "again in a moment"),
    (asyncpg.TargetServerAttributeNotMatched, "none of its servers fits", "host and target_session_attrs"),
    (gaierror, "its host is not known", "host"),
    (UnicodeError, "its host has no possible name", "host"),
    (ConnectionRefusedError, "nothing listens there", "host and port, and that the database runs"),
    (ssl.SSLCertVerificationError, "its certificate is not trusted", "host and sslrootcert"),
    (ssl.SSLError, "TLS failed", "sslmode, sslrootcert, sslcert and sslkey"),
    (TimeoutError, "it did not answer in time", "host and port, and the firewalls in between"),
    (FileNotFoundError, "a file or socket is missing", "host, sslrootcert, sslcert and sslkey"),
    (PermissionError, "a file or socket may not be read", "host, sslrootcert, sslcert and sslkey"),
    (ConnectionError, "the connection was closed at once", "host, port and sslmode"),
    (asyncpg.ClientConfigurationError, "a parameter has an impossible value", "sslmode and the others after the ?"),
)
# SQLSTATEs of a session's setting that is not known, has a wrong value, or may not be set.
_REFUSED_SETTINGS: Final = ("42704", "22023", "55P02", "42501", "42601")
# What PgBouncer says of a setting that it does not pass on, before its name.
_POOLERS_REFUSAL: Final = "unsupported startup parameter"


def _meaning(error: BaseException, setting: str) -> str:
    if isinstance(error, asyncpg.ProtocolViolationError) and _POOLERS_REFUSAL in str(error):
        refused = str(error).rpartition(":")[2].strip()
        if refused in ("options", "application_name"):
            return f"a connection pooler is before it that takes no {refused}. Take that out of {setting}."
        return (
            "a connection pooler is before it that takes no session's settings from the server. Set "
            "RETAIL_STATEMENT_CACHE_SIZE=0, with which it sends none (docs/scaling.md)."
        )
    if getattr(error, "sqlstate", None) in _REFUSED_SETTINGS:
        return f"it refuses a setting of the session. Check {setting}: options."
    for kind, meaning, places in _MEANINGS:
        if isinstance(error, kind):
            return f"{meaning}. Check {setting}: {places}."
    return f"{type(error).__name__}. Check {setting}: host, port, database name, user and password."
