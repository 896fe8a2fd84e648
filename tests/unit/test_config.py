"""Settings: what an operator may write, and what they are told about what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import config
from server.config import ENV_PREFIX, Settings, load_settings
from server.errors import ConfigurationError

SECRET = "hunter2-secret"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without anybody's .env file."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described(name: str) -> None:
    description = Settings.model_fields[name].description
    assert description
    assert description.endswith(".")


def test_nothing_has_to_be_set() -> None:
    settings = load_settings()
    assert settings.embedded
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", SECRET),
        ("PORT", "70000"),
        ("PORT", "-1"),
        ("POOL_SIZE", "0"),
        ("POOL_SIZE", "12345"),
        ("POOL_TIMEOUT_SECONDS", SECRET),
        ("QUERY_TIMEOUT_SECONDS", "-12345"),
        ("EMBEDDINGS", SECRET),
        ("EMBEDDING_DIMENSIONS", "12345"),
        ("EMBEDDING_TIMEOUT_SECONDS", "12345"),
        ("CONTEXT_KEY", SECRET),
        ("PUBLIC_URL", f"http://{SECRET}.example.com"),
        ("PUBLIC_URL", f"https://user:{SECRET}@example.com"),
        ("PUBLIC_URL", SECRET),
        ("PUBLIC_URL", f"ftp://127.0.0.1/{SECRET}"),
        ("PUBLIC_URL", f"https://[{SECRET}"),
        ("JWT_ISSUER", f"http://127.0.0.1.{SECRET}.example.com"),
        ("JWT_JWKS_URI", f"http://{SECRET}.example.com/keys"),
        ("JWT_ALGORITHMS", "none"),
        ("JWT_ALGORITHMS", "RS256,HS256"),
        ("JWT_ALGORITHMS", f"RS256,{SECRET}"),
        ("JWT_ALGORITHMS", ",,,"),
        ("LOG_LEVEL", SECRET),
        ("TOKEN", "${" + SECRET + "}"),
        ("STORE_ID", "${" + SECRET + "}"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_not_repeated(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    message = str(refused.value)
    assert f"{ENV_PREFIX}{name}:" in message
    assert value not in message
    assert SECRET not in message
    # Nor may a traceback show it: the error that quotes the value is not chained.
    assert refused.value.__suppress_context__
    assert refused.value.__cause__ is None


def test_all_bad_values_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_PORT", "many")
    monkeypatch.setenv("RETAIL_POOL_SIZE", "few")
    with pytest.raises(ConfigurationError, match=r"RETAIL_PORT: .*RETAIL_POOL_SIZE: "):
        load_settings()


@pytest.mark.parametrize("name", ["TOKEN", "STORE_ID"])
def test_an_unexpanded_variable_is_named_as_such(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_PREFIX + name, "${" + ENV_PREFIX + name + "}")
    with pytest.raises(ConfigurationError, match=r"unexpanded \$\{"):
        load_settings()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("mcp.example.com", ("mcp.example.com",)),
        ("a.example, b.example:8443 ,", ("a.example", "b.example:8443")),
        (" , ,", ()),
        ("", ()),
    ],
)
def test_allowed_hosts_are_split_at_commas(text: str, hosts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_ALLOWED_HOSTS", text)
    assert load_settings().allowed_hosts == hosts


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_DATABASE_URL", "")
    monkeypatch.setenv("RETAIL_PORT", "")
    settings = load_settings()
    assert settings.embedded
    assert settings.port == 8000


@pytest.mark.parametrize("name", [name.upper() for name in Settings.model_fields if name.endswith("database_url")])
def test_a_database_url_turns_the_embedded_database_off(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_PREFIX + name, "postgresql://db.example/retail")
    assert not load_settings().embedded


def test_secrets_do_not_show_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    long_secret = f"{SECRET}-{SECRET}-{SECRET}"
    for name in ("DATABASE_URL", "ADMIN_DATABASE_URL", "CONTEXT_KEY", "TOKEN", "OPENAI_API_KEY"):
        monkeypatch.setenv(ENV_PREFIX + name, long_secret)
    settings = load_settings()
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)
    assert SECRET not in settings.model_dump_json()


def test_a_file_in_the_working_directory_is_read(elsewhere: Path) -> None:
    (elsewhere / ".env").write_text("RETAIL_PORT=9001\nSOMEBODY_ELSES=1\n", encoding="utf-8")
    assert load_settings().port == 9001


def test_the_environment_wins_over_the_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (elsewhere / ".env").write_text("RETAIL_PORT=9001\n", encoding="utf-8")
    monkeypatch.setenv("RETAIL_PORT", "9002")
    assert load_settings().port == 9002


def test_a_bad_value_in_the_file_is_refused_like_any_other(elsewhere: Path) -> None:
    (elsewhere / ".env").write_text(f"RETAIL_PORT={SECRET}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="RETAIL_PORT: ") as refused:
        load_settings()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://retail.example.com", "https://example.com:8443/retail", "http://127.0.0.1:8000", "http://[::1]"]
)
def test_an_address_is_protected_or_on_this_machine(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PUBLIC_URL", "JWT_ISSUER", "JWT_JWKS_URI"):
        monkeypatch.setenv(ENV_PREFIX + name, url)
    settings = load_settings()
    assert (settings.public_url, settings.jwt_issuer, settings.jwt_jwks_uri) == (url, url, url)


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ALLOWED_ORIGINS", "TRUSTED_PROXIES", "JWT_AUDIENCE"):
        monkeypatch.setenv(ENV_PREFIX + name, " one, two ,,")
    monkeypatch.setenv(ENV_PREFIX + "JWT_ALGORITHMS", "ES256, EdDSA")
    settings = load_settings()
    assert settings.allowed_origins == settings.trusted_proxies == settings.jwt_audience == ("one", "two")
    assert settings.jwt_algorithms == ("ES256", "EdDSA")


def test_no_proxy_is_believed_and_no_provider_trusted_unless_told() -> None:
    settings = load_settings()
    assert (settings.trusted_proxies, settings.allowed_origins, settings.jwt_audience) == ((), (), ())
    assert settings.jwt_algorithms == ("RS256", "ES256")


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("RETAIL_DATBASE_URL", "RETAIL_DATABASE_URL"),
        ("retail_datbase_url", "RETAIL_DATABASE_URL"),
        ("RETAIL_ADMIN_DB_URL", "RETAIL_ADMIN_DATABASE_URL"),
        ("RETAIL_TOKENS", "RETAIL_TOKEN"),
        ("RETAIL_METRIC_PORT", "RETAIL_METRICS_PORT"),
        ("RETAIL_", "no setting"),
        ("RETAIL_XYZZY_PLUGH_QUUX", "no setting"),
    ],
)
def test_a_name_that_is_no_setting_is_refused_with_the_nearest(
    name: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(ConfigurationError, match=nearest) as refused:
        load_settings()
    assert name.upper() in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_misspelt_name_in_a_file_is_refused_too(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (elsewhere / ".env").write_text(f"export RETAIL_PROT={SECRET}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"RETAIL_PROT in \.env is no setting; did you mean RETAIL_PORT\?"):
        load_settings()
    assert load_settings(env_file=None).port == 8000

    (elsewhere / ".env").unlink()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/retail_datbase_url").write_text(SECRET, encoding="utf-8")
    (tmp_path / "secrets/grafana_password").write_text(SECRET, encoding="utf-8")
    monkeypatch.setattr(config, "SECRETS_DIR", tmp_path / "secrets")
    with pytest.raises(ConfigurationError, match=r"RETAIL_DATBASE_URL in .*secrets is no setting; did you mean"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETAIL_TEST_DATABASE_URL", "postgresql://127.0.0.1/test"),
        ("RETAIL_BENCH_DATABASE_URL", "postgresql://127.0.0.1/bench"),
        ("RETAILER_NAME", "somebody else's"),
        # Kubernetes, in a namespace with services named retail-mcp and retail-db.
        ("RETAIL_MCP_SERVICE_HOST", "10.0.0.11"),
        ("RETAIL_MCP_SERVICE_PORT", "8000"),
        ("RETAIL_MCP_SERVICE_PORT_HTTP", "8000"),
        ("RETAIL_MCP_PORT", "tcp://10.0.0.11:8000"),
        ("RETAIL_DB_PORT_5432_TCP", "tcp://10.0.0.12:5432"),
        ("RETAIL_DB_PORT_5432_TCP_ADDR", "10.0.0.12"),
    ],
)
def test_names_of_other_programs_are_let_be(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert load_settings().embedded


def test_a_file_that_is_no_text_is_told(elsewhere: Path) -> None:
    (elsewhere / ".env").write_bytes(b"RETAIL_PORT=\xff\xfe\n")
    with pytest.raises(ConfigurationError, match="A settings file cannot be read"):
        load_settings()
