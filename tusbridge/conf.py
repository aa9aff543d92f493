"""The settings: one frozen model over ``settings.TUSBRIDGE``, read at use."""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tusbridge.origins import normalise_base_url, normalise_origin
from tusbridge.protocol.fields import MAX_INTEGER, check_field_name
from tusbridge.protocol.tus import check_extensions

# 5 TiB: what the largest object stores take, and more than one upload ever was.
DEFAULT_MAX_LENGTH = 5 * 2**40
DAY_SECONDS = 24 * 60 * 60
_CENTURY_SECONDS = 100 * 365 * DAY_SECONDS


FieldName = Annotated[str, AfterValidator(check_field_name)]


def _normalise_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """As browsers send them. What no browser sends stays for the check (E009) to report: it
    matches no page."""
    return tuple(map(_normalise_if_possible, origins))


def _normalise_base(base: bool | str) -> bool | str:
    return normalise_base_url(base) if isinstance(base, str) else base


def _normalise_if_possible(origin: str) -> str:
    try:
        return normalise_origin(origin)
    except ValueError:
        return origin


class Options(BaseModel):
    """All settings with their defaults. Lengths are bytes, times seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    STORAGE: str = Field("default", description="Alias in STORAGES where finished files go.")
    UPLOAD_TO: str = Field(
        "uploads", description="Folder in that storage; the name below it is made from the id."
    )
    PARTIALS_DIR: str | None = Field(
        None,
        description="Folder of unfinished bytes, on the storage's file system and outside it; by "
        "default beside the storage's folder, with `.partial` added. For a storage that is no "
        "plain FileSystemStorage any folder outside of MEDIA_ROOT, by default beside that.",
    )
    MAX_LENGTH: int = Field(
        DEFAULT_MAX_LENGTH, ge=0, le=MAX_INTEGER, description="Bytes of one upload, at most."
    )
    EXPIRE_AFTER: float | None = Field(
        DAY_SECONDS,
        gt=0,
        le=_CENTURY_SECONDS,
        description="Seconds after its last byte when an unfinished upload expires; None: never.",
    )
    EXPIRED_STATUS: Literal[404, 410] = Field(
        410, description="What an expired upload answers; tus-java-client begins anew on 404 only."
    )
    DURABILITY: Literal["power", "process"] = Field(
        "power",
        description="What an acknowledged offset survives: a power cut, or a crash of the server.",
    )
    READ_TIMEOUT: float = Field(
        60,
        gt=0,
        le=DAY_SECONDS,
        description="Seconds without a byte after which a request is let go.",
    )
    MIN_BODY_RATE: int = Field(
        64,
        ge=0,
        le=MAX_INTEGER,
        description="Bytes a second that a body must bring, over each READ_TIMEOUT; 0: one byte "
        "is enough.",
    )
    PAGE_MAX_BODY: int | None = Field(
        None,
        ge=0,
        le=MAX_INTEGER,
        description="Under the front: bytes of a body for a page that is not an upload; such "
        "bodies are then so many at once as MAX_FORMS. None: as the site's own views say.",
    )
    MAX_FORMS: int = Field(
        256,
        ge=1,
        le=4096,
        description="Under the front: forms that one process reads at a time, each in a thread.",
    )
    CLIENT_MAX_FORMS: int = Field(
        32,
        ge=1,
        le=MAX_INTEGER,
        description="How many of them may be of one address, and of one user.",
    )
    LEASE_TTL: float = Field(
        2.5,
        gt=0,
        le=3600,
        description="Seconds without progress after which another request may take an upload over.",
    )
    CORS_ORIGINS: Annotated[tuple[str, ...], AfterValidator(_normalise_origins)] = Field(
        (),
        description="Origins whose pages may upload: `https://a.example`, `https://*.a.example` "
        "(all subdomains), `http://localhost:*` (any port), or `*`.",
    )
    CORS_ALLOW_HEADERS: tuple[FieldName, ...] = Field(
        (),
        description="Further request fields that these pages may send, such as `X-My-Login`.",
    )
    CORS_EXPOSE_HEADERS: tuple[FieldName, ...] = Field(
        (), description="Further response fields that these pages may read."
    )
    ALLOW_ANONYMOUS: bool = Field(
        False, description="Whether nobody in particular may upload; whoever knows the id is it."
    )
    ABSOLUTE_LOCATION: Annotated[bool | str, AfterValidator(_normalise_base)] = Field(
        False,
        description="Whether Location carries scheme and host, not the path alone: those of the "
        "request, or those of a URL such as `https://a.example`.",
    )
    EXTENSIONS: Annotated[tuple[str, ...] | None, AfterValidator(check_extensions)] = Field(
        None,
        description="Extensions of tus to announce, of those that the server has; None: all. The "
        "fields and methods of the others are taken as unknown, for clients that send what they "
        "do not mean, such as a whole file's checksum with each part of it.",
    )
    POLICY: str = Field(
        "tusbridge.policy.Policy", description="Class that says who may do what, by dotted path."
    )
    REQUEST_SCOPES: tuple[str, ...] = Field(
        (),
        description="What is set up for a request besides context variables, in each thread that "
        "works for it: entries of MIDDLEWARE, or callables that take the request and return a "
        "context manager, by dotted path.",
    )
    USER_MAX_OPEN: int | None = Field(
        None, ge=1, le=MAX_INTEGER, description="Unfinished uploads of one user, at most."
    )
    USER_MAX_BYTES: int | None = Field(
        None,
        ge=0,
        le=MAX_INTEGER,
        description="Bytes of all uploads of one user, unfinished ones with their whole length.",
    )
    USER_CREATIONS_PER_MINUTE: int | None = Field(
        None, ge=1, le=MAX_INTEGER, description="Uploads that one user may begin in a minute."
    )
    MAX_TOTAL_BYTES: int | None = Field(
        None, ge=0, le=MAX_INTEGER, description="Bytes of all uploads together, likewise."
    )


_current: tuple[Any, Options] | None = None


def get_options() -> Options:
    """The settings as they are now.

    :raises ImproperlyConfigured: a name is unknown or a value has the wrong type.
    """
    global _current  # noqa: PLW0603 one parsed copy, valid while settings.TUSBRIDGE is the same object
    raw = getattr(settings, "TUSBRIDGE", None)
    if _current is None or _current[0] is not raw:
        _current = (raw, parse_options({} if raw is None else raw))
    return _current[1]


def parse_options(raw: Mapping[str, Any]) -> Options:
    """:raises ImproperlyConfigured: with the setting's name, and the nearest one if unknown."""
    if not isinstance(raw, Mapping):
        raise ImproperlyConfigured("TUSBRIDGE has to be a dictionary")
    for name in raw:
        if name not in Options.model_fields:
            near = difflib.get_close_matches(
                str(name).upper(), Options.model_fields, n=1, cutoff=0.5
            )
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ImproperlyConfigured(f"TUSBRIDGE has no setting {name!r}{hint}")
    try:
        return Options.model_validate(dict(raw))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ImproperlyConfigured(f"TUSBRIDGE[{where!r}]: {first['msg']}") from error
