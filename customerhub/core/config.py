"""Everything that differs between installations, read once from the environment.

Each setting is checked at start. Where some are wrong :class:`SettingError` tells of each, in a line of its own, what
it is called, what was found and what is expected.
"""

import base64
import contextlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

MIB: Final = 1024 * 1024

_PASSWORD_IN_URL = re.compile(r"^((?:[a-z0-9+.-]*://)?[^:@]*:).*@", re.IGNORECASE | re.DOTALL)
_PASSWORD_PARAMETER = re.compile(r"([?&]password=)[^&]*", re.IGNORECASE)


class SettingError(Exception):
    """Settings cannot be used. The message has one line for each, which names it."""


# --- How a setting is read. A ValueError says what comes after the setting's name. ---------------------------


def _prepare_data_dir(path: Path) -> Path:
    path = path.resolve()
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=path):  # a name of its own: all parts of a hub look at the same moment
            pass
    except OSError as error:
        raise ValueError(f"is {str(path)!r}: cannot write there ({error.strerror})") from None
    return path


def _parse_public_url(text: str) -> str:
    address = text.rstrip("/")
    parts = _split_url(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"is {_mask_password(address)!r}: expected an address such as https://hub.example.com")
    return address


def _parse_database_url(text: str) -> str:
    try:
        make_url(text)
    except (ArgumentError, ValueError):
        masked_url = _mask_password(text)
        raise ValueError(f"is {masked_url!r}: expected postgresql://user@host/name or sqlite:///path") from None
    scheme, _, rest = text.partition("://")
    if scheme in ("postgres", "postgresql", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if scheme == "sqlite":
        return text
    raise ValueError(f"starts with {scheme!r}: only postgresql and sqlite are supported")


def _parse_redis_url(text: str) -> str:
    parts = _split_url(text)
    if parts is None or parts.scheme not in ("redis", "rediss", "unix", "valkey", "valkeys"):
        raise ValueError(f"is {_mask_password(text)!r}: expected redis://host:port/0")
    return text.replace("valkey", "redis", 1) if text.startswith("valkey") else text


def _parse_smtp_url(text: str) -> str:
    parts = _split_url(text)
    if parts is None or parts.scheme not in ("smtp", "smtps") or not parts.hostname:
        raise ValueError(f"is {_mask_password(text)!r}: expected smtp://user:password@host:587")
    return text


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, reached by nobody else."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split_url(address: str) -> SplitResult | None:
    """The parts of an address; None where it has none, or a port that cannot be."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    return None if port == 0 else parts


def _mask_password(address: str) -> str:
    """An address as it may be printed."""
    return _PASSWORD_PARAMETER.sub(r"\1***", _PASSWORD_IN_URL.sub(r"\1***@", address))


def _parse_encryption_keys(text: str) -> str:
    keys = [key.strip() for key in text.split(",") if key.strip()]
    if not keys or not all(_is_encryption_key(key) for key in keys):
        raise ValueError("has an unusable key: expected keys of 32 bytes in URL-safe base64, separated by commas")
    return ",".join(keys)


def _is_encryption_key(key: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(key)) == 32
    except ValueError:
        return False


def _create_encryption_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _load_or_create_key(path: Path, create: Callable[[], str]) -> str:
    """A key that is made on the first start and kept beside the data.

    Of two programs that start at once one makes it, and the other never sees half of it.
    """
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
            file.write(create())
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()


# --- The settings ------------------------------------------------------------------------------------------


def _setting(name: str, default: Any = None, **more: Any) -> Any:
    """A field that is read from the environment variable `name`."""
    return Field(default, validation_alias=name, **more)


def _derived_setting(name: str, derive: Any, **more: Any) -> Any:
    """A field like `_setting` whose default is made by `derive` of the settings above it."""
    return Field(default_factory=derive, validation_alias=name, **more)


def _number_setting(name: str, default: int, low: int, high: int) -> Any:
    return _setting(name, default, ge=low, le=high, description=f"{low} to {high}")


_Megabytes = AfterValidator(lambda number: number * MIB)
_Stripped = BeforeValidator(lambda value: value.strip() if isinstance(value, str) else value)


class Settings(BaseSettings):
    """The settings of one hub. Paths are absolute; `redis_url` is None where the embedded server is used.

    What may hold a password has no place in the representation. A copy with other values is made by `model_copy`.
    """

    model_config = SettingsConfigDict(
        frozen=True, case_sensitive=True, validate_default=True, hide_input_in_errors=True
    )

    data_dir: Annotated[Path, AfterValidator(_prepare_data_dir)] = _setting("HUB_DATA_DIR", Path("instance"))
    database_url: Annotated[str, AfterValidator(_parse_database_url)] = _derived_setting(
        "DATABASE_URL", lambda values: f"sqlite:///{values['data_dir'] / 'hub.sqlite3'}", repr=False
    )
    redis_url: Annotated[str, AfterValidator(_parse_redis_url)] | None = _setting("REDIS_URL", repr=False)
    port: int = _number_setting("PORT", 8000, 1, 65535)
    host: str = _setting("HUB_HOST", "127.0.0.1")
    public_url: Annotated[str, AfterValidator(_parse_public_url)] = _derived_setting(
        "HUB_PUBLIC_URL", lambda values: f"http://127.0.0.1:{values['port']}"
    )
    secret_key: str = _derived_setting(
        "HUB_SECRET_KEY",
        lambda values: _load_or_create_key(values["data_dir"] / "secret_key", lambda: secrets.token_hex(32)),
        repr=False,
    )
    # What encrypts the secrets in the database: the first key encrypts, any of them reads.
    encryption_keys: Annotated[str, AfterValidator(_parse_encryption_keys)] = _derived_setting(
        "HUB_ENCRYPTION_KEYS",
        lambda values: _load_or_create_key(values["data_dir"] / "encryption_key", _create_encryption_key),
        repr=False,
    )
    secure_cookies: Annotated[bool, _Stripped] = _derived_setting(
        "HUB_SECURE_COOKIES", lambda values: values["public_url"].startswith("https://")
    )
    workers: int = _number_setting("HUB_WORKERS", 1, 1, 64)
    web_workers: int = _number_setting("HUB_WEB_WORKERS", 2, 1, 64)
    smtp_url: Annotated[str, AfterValidator(_parse_smtp_url)] | None = _setting("SMTP_URL", repr=False)
    smtp_timeout: int = _number_setting("HUB_SMTP_TIMEOUT", 20, 1, 25)
    max_upload_bytes: Annotated[int, _Megabytes] = _number_setting("HUB_MAX_UPLOAD_MB", 25, 1, 1024)
    max_attachment_bytes: Annotated[int, _Megabytes] = _number_setting("HUB_MAX_ATTACHMENTS_MB", 10, 1, 100)
    max_import_rows: int = _number_setting("HUB_MAX_IMPORT_ROWS", 50_000, 1, 1_000_000)
    min_free_bytes: Annotated[int, _Megabytes] = _number_setting("HUB_MIN_FREE_MB", 1024, 1, 10_000_000)
    sandbox_port: int = _derived_setting(
        "HUB_SANDBOX_PORT",
        lambda values: values["port"] % 65535 + 1,
        ge=1,
        le=65535,
        description="1 to 65535",
    )
    starts_sandbox: Annotated[bool, _Stripped] = _setting("HUB_SIGNING_SANDBOX", True)
    trusted_proxies: int = _number_setting("HUB_TRUSTED_PROXIES", 0, 0, 8)
    keep_transfers_days: int = _number_setting("HUB_KEEP_TRANSFERS_DAYS", 90, 1, 3650)

    @classmethod
    def settings_customise_sources(  # type: ignore[override]  # only one of them is of use
        cls, _settings_class: type[BaseSettings], init_settings: PydanticBaseSettingsSource, **_others: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing but what `load_settings` hands over: no file and no second look at the environment."""
        return (init_settings,)

    @property
    def files_dir(self) -> Path:
        return self.data_dir / "files"

    @property
    def sandbox_dir(self) -> Path:
        return self.data_dir / "signing-sandbox"

    @property
    def is_private(self) -> bool:
        """Whether nobody but this machine's users reaches the hub, by what it listens on and by its public address."""
        return not self.exposure

    @property
    def exposure(self) -> str:
        """The settings by which others reach the hub, with their values; empty where none does."""
        addresses = {"HUB_HOST": self.host, "HUB_PUBLIC_URL": urlsplit(self.public_url).hostname or ""}
        values = {"HUB_HOST": self.host, "HUB_PUBLIC_URL": self.public_url}
        return " and ".join(f"{name} is {values[name]}" for name, host in addresses.items() if not is_loopback(host))

    @property
    def uses_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")


class _EnvironmentSource(EnvSettingsSource):
    """The settings of an environment that is handed over, in which a blank one is an unset one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str]:
        return {name: text for name, text in self._environ.items() if text.strip()}


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings from `environ` and make the data folder.

    Raises SettingError where some are unusable.
    """
    try:
        return Settings(**_EnvironmentSource(environ)())
    except ValidationError as error:
        # What follows from another setting that is wrong is no problem of its own.
        problems = [each for each in error.errors() if each["type"] != "default_factory_not_called"]
    raise SettingError("\n".join(_describe_problem(each) for each in problems))


def _describe_problem(problem: ErrorDetails) -> str:
    """Which setting is wrong, what was found and what is expected, in one line."""
    name, found = problem["loc"][0], problem["input"]
    if problem["type"] == "value_error":
        return f"{name} {problem['ctx']['error']}"
    if problem["type"] in ("greater_than_equal", "less_than_equal"):
        return f"{name} is {str(found).strip()}: expected {_field_of(name).description}"
    expected_value = "yes or no" if problem["type"] == "bool_parsing" else "a whole number"
    return f"{name} is {str(found).strip()!r}: expected {expected_value}"


def _field_of(name: str | int) -> FieldInfo:
    return next(field for field in Settings.model_fields.values() if field.validation_alias == name)
