"""What the server is told, from flags or ``TUSBRIDGE_*`` in the environment."""

import ipaddress
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tusbridge.conf import DAY_SECONDS, DEFAULT_MAX_LENGTH, FieldName
from tusbridge.origins import normalise_base_url, normalise_host_name, normalise_origin
from tusbridge.protocol.fields import MAX_INTEGER
from tusbridge.protocol.tus import check_extensions
from tusbridge.texts import parse_duration, parse_size

# Where the admin is.
ADMIN_PATH = "/admin/"


def _parse_limit(value: Any) -> int | None:
    return None if value is None else parse_size(value)


def _parse_list(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _parse_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_parse_origin, origins))


def _parse_host_names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_with_text(normalise_host_name, name) for name in names)


def _parse_base_url(text: str) -> str:
    return _with_text(normalise_base_url, text) if text else ""


def _with_text(parse: Callable[[str], str], text: str) -> str:
    """What it gives; its error with the text that it is about."""
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} {error}") from error


def _parse_origin(text: str) -> str:
    try:
        return normalise_origin(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} {error}; write an origin such as https://app.example, "
            "https://*.app.example for its subdomains, or * for any"
        ) from error


def _parse_mode(value: Any, least: int) -> int | None:
    """Octal digits, as chmod takes them; "inherit": as the folder and the umask say."""
    if isinstance(value, int):
        return value
    text = str(value).strip().lower()
    if text == "inherit":
        return None
    is_octal = 3 <= len(text) <= 5 and set(text) <= set("01234567")
    mode = int(text, 8) if is_octal else 0
    if mode & least != least or mode > 0o2777:
        raise ValueError(
            f"{text!r} is not a mode; write octal digits with {least:o} in them, such as "
            f"{least | 0o040 | least // 8 & 0o010:o}, or inherit"
        )
    return mode


Size = Annotated[int, BeforeValidator(parse_size)]
SizeLimit = Annotated[int | None, BeforeValidator(_parse_limit)]
Duration = Annotated[float | None, BeforeValidator(parse_duration)]
FileMode = Annotated[int | None, BeforeValidator(partial(_parse_mode, least=0o600))]
FolderMode = Annotated[int | None, BeforeValidator(partial(_parse_mode, least=0o700))]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_list)]
ExtensionNames = Annotated[
    tuple[str, ...] | None,
    NoDecode,
    BeforeValidator(_parse_list),
    AfterValidator(check_extensions),
]
Origins = Annotated[Names, AfterValidator(_parse_origins)]
HostNames = Annotated[Names, AfterValidator(_parse_host_names)]
BaseUrl = Annotated[str, AfterValidator(_parse_base_url)]
FieldNames = Annotated[tuple[FieldName, ...], NoDecode, BeforeValidator(_parse_list)]


def is_loopback(name: str) -> bool:
    """Whether a host's name or address is one of loopback: this machine, as itself sees it."""
    name = name.strip("[]").rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


class ServerConfig(BaseSettings):
    """The server's settings; lengths in bytes, times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="TUSBRIDGE_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=1, le=65535)
    data_dir: Path = Path("tusbridge-data")
    files_dir: Path | None = None
    database_url: str = ""
    workers: int = Field(1, ge=1, le=64)
    threads: int = Field(4, ge=1, le=256)
    max_length: Size = DEFAULT_MAX_LENGTH
    user_max_open: int | None = Field(None, ge=1, le=MAX_INTEGER)
    user_max_bytes: SizeLimit = None
    user_creations_per_minute: int | None = Field(None, ge=1, le=MAX_INTEGER)
    max_total_bytes: SizeLimit = None
    expire_after: Duration = DAY_SECONDS
    extensions: ExtensionNames = None
    file_mode: FileMode = 0o600
    folder_mode: FolderMode = 0o700
    durability: Literal["power", "process"] = "power"
    cors_origin: Origins = ()
    cors_allow_header: FieldNames = ()
    cors_expose_header: FieldNames = ()
    allowed_host: HostNames = ()
    absolute_location: BaseUrl = ""
    allow_anonymous: bool = False
    require_token: bool = False
    read_timeout: Duration = 60
    min_body_rate: Size = 64
    page_max_body: Size = 2**20
    max_forms: int = Field(256, ge=1, le=4096)
    client_max_forms: int = Field(32, ge=1, le=MAX_INTEGER)
    log_format: Literal["text", "json"] = "text"

    @field_validator("require_token")
    @classmethod
    def _excludes_anonymous(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("allow_anonymous"):
            raise ValueError("contradicts --allow-anonymous; leave one of the two out")
        return value

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server, but for proxies on this machine."""
        return is_loopback(self.host)

    @property
    def anonymous(self) -> Literal["any machine", "this machine", "no machine"]:
        """From where uploads are taken without a token. A name for others shows that a proxy on
        this machine lets others in."""
        if self.allow_anonymous:
            return "any machine"
        has_names_for_others = not all(map(is_loopback, self.allowed_host))
        if self.require_token or not self.is_loopback or has_names_for_others:
            return "no machine"
        return "this machine"

    @property
    def files_path(self) -> Path:
        """Where finished files go."""
        return (self.files_dir or self.data_dir / "files").resolve()

    @property
    def allowed_hosts(self) -> list[str]:
        """Host names that are answered: on loopback this machine's own, so that no web page can
        get in under a name of its own (DNS rebinding), and those that are named."""
        if self.is_loopback:
            return ["localhost", "127.0.0.1", "[::1]", self.host, *self.allowed_host]
        return list(self.allowed_host) or ["*"]

    @property
    def tls_origins(self) -> list[str]:
        """Origins of this server behind a proxy that ends TLS, as far as it was told its names."""
        names = [name for name in self.allowed_host if name != "*"]
        seen = "/".join(self.absolute_location.split("/")[:3])
        return [seen] * bool(seen) + [
            f"https://{'*' if name.startswith('.') else ''}{name}"
            for name in [*names, *(name[1:] for name in names if name.startswith("."))]
        ]

    @property
    def cors_origins(self) -> tuple[str, ...]:
        """Origins whose pages may upload; on loopback this machine's own, on any port."""
        if self.cors_origin or not self.is_loopback:
            return self.cors_origin
        return ("http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*")

    @property
    def base_url(self) -> str:
        """Where the server is to be found from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
