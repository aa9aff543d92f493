"""What the server is told, from flags or ``TUSBRIDGE_*`` in the environment."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from tusbridge.conf import DAY_SECONDS, DEFAULT_MAX_LENGTH
from tusbridge.protocol.fields import MAX_INTEGER

_SIZE = re.compile(r"([0-9]{1,19})\s*(?:([KMGTP])(i?)B?|B)?", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)?", re.ASCII | re.IGNORECASE)
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": DAY_SECONDS}

_LONGEST_SECONDS = 100 * 365 * DAY_SECONDS


def parse_size(text: Any) -> int:
    """Bytes from ``1048576``, ``5GiB``, ``5GB`` or ``5G`` (as GiB).

    :raises ValueError: with a line that says what is taken.
    """
    match = _SIZE.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is no size; write bytes, or a number with KiB, MiB, GiB or TiB")
    number, unit, binary = match.groups()
    is_decimal = not binary and str(text).strip().upper().endswith("B")
    power = "KMGTP".index(unit.upper()) + 1 if unit else 0
    size = int(number) * int((1000 if is_decimal else 1024) ** power)
    if size > MAX_INTEGER:
        raise ValueError(f"{text!r} is more than any file has")
    return size


def parse_duration(text: Any) -> float | None:
    """Seconds from ``90``, ``15m``, ``24h`` or ``7d``; None from ``never``.

    :raises ValueError: with a line that says what is taken.
    """
    if text is None or str(text).strip().lower() == "never":
        return None
    match = _DURATION.fullmatch(str(text).strip())
    if not match or float(match[1]) == 0:
        raise ValueError(f"{text!r} is no time; write seconds, or 90s, 15m, 24h, 7d, never")
    seconds = float(match[1]) * _UNIT_SECONDS[(match[2] or "s").lower()]
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f"{text!r} is more than a century; write never")
    return seconds


def _parse_limit(value: Any) -> int | None:
    return None if value is None else parse_size(value)


def _parse_list(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


Size = Annotated[int, BeforeValidator(parse_size)]
SizeLimit = Annotated[int | None, BeforeValidator(_parse_limit)]
Duration = Annotated[float | None, BeforeValidator(parse_duration)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parse_list)]


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
    durability: Literal["power", "process"] = "power"
    cors_origin: Names = ()
    allowed_host: Names = ()
    allow_anonymous: bool = False
    read_timeout: Duration = 60
    log_format: Literal["text", "json"] = "text"

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def files_path(self) -> Path:
        """Where finished files go."""
        return (self.files_dir or self.data_dir / "files").resolve()

    @property
    def allowed_hosts(self) -> list[str]:
        """Host names that are answered: on loopback this machine's own, so that no web page can
        get in under a name of its own (DNS rebinding)."""
        if self.allowed_host:
            return list(self.allowed_host)
        return ["localhost", "127.0.0.1", "[::1]", self.host] if self.is_loopback else ["*"]

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
