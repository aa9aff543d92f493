"""One parser and one renderer for each kind of header field.

A parser takes text and raises :class:`InvalidField`, nothing else.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import quote

from tusbridge.errors import InvalidField, RangeNotSatisfiable

# Largest number of bytes a protocol field may name: a signed 64-bit integer, as databases hold.
MAX_INTEGER = 2**63 - 1
MAX_DIGITS = len(str(MAX_INTEGER))
# Bytes of a whole Upload-Metadata field, and keys in it: more is a mistake or an attack.
MAX_METADATA_LENGTH = 8192
MAX_METADATA_KEYS = 64

# Characters of a file name that file systems take.
_MAX_NAME = 255
_INTEGER = re.compile(r"(?:0|[1-9][0-9]{0,18})", re.ASCII)
_METADATA_KEY = re.compile(r"[!-+\--~]+", re.ASCII)
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'+.^_`|~0-9A-Za-z-]+", re.ASCII)
_RANGE = re.compile(
    r"bytes[ \t]*=[ \t]*([0-9]{0,19})-([0-9]{0,19})[ \t]*", re.ASCII | re.IGNORECASE
)
# Left out of a plain file name: what breaks a quoted string, separates folders or hides an ending.
_UNSAFE_IN_NAME = re.compile(r'[^ -~]|["\\/:*?<>|%]', re.ASCII)


def parse_integer(name: str, text: str) -> int:
    """A non-negative count of bytes (tus 1.0.0, Upload-Offset and Upload-Length).

    Only ASCII digits without sign or leading zero, up to 2**63 - 1.
    """
    if not _INTEGER.fullmatch(text):
        raise InvalidField(name, "has to be a non-negative integer")
    value = int(text)
    if value > MAX_INTEGER:
        raise InvalidField(name, f"is larger than {MAX_INTEGER}")
    return value


def parse_metadata(text: str) -> dict[str, bytes]:
    """Upload-Metadata as key -> decoded bytes, in the client's order (tus 1.0.0, creation).

    An empty field is as none: tuspy sends one when it has no metadata.
    """
    if len(text) > MAX_METADATA_LENGTH:
        raise InvalidField("Upload-Metadata", f"is longer than {MAX_METADATA_LENGTH} bytes")
    if not text.strip(" \t"):
        return {}
    pairs = text.split(",")
    if len(pairs) > MAX_METADATA_KEYS:
        raise InvalidField("Upload-Metadata", f"has more than {MAX_METADATA_KEYS} keys")
    metadata: dict[str, bytes] = {}
    for pair in pairs:
        key, value = _parse_pair(pair.strip(" \t"))
        if key in metadata:
            raise InvalidField("Upload-Metadata", "names a key twice")
        metadata[key] = value
    return metadata


def _parse_pair(pair: str) -> tuple[str, bytes]:
    key, _, value = pair.partition(" ")
    if not _METADATA_KEY.fullmatch(key):
        raise InvalidField("Upload-Metadata", "has a key that is empty or not ASCII")
    try:
        return key, base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField("Upload-Metadata", "has a value that is not Base64") from error


def render_metadata(metadata: Mapping[str, bytes]) -> str:
    """The inverse of :func:`parse_metadata`; an empty value leaves only its key."""
    return ",".join(
        f"{key} {base64.b64encode(value).decode('ascii')}" if value else key
        for key, value in metadata.items()
    )


def parse_media_type(name: str, text: str) -> str:
    """``type/subtype`` in lower case, without parameters (RFC 9110, 8.3.1)."""
    essence = text.partition(";")[0].strip(" \t")
    if not _MEDIA_TYPE.fullmatch(essence):
        raise InvalidField(name, "has to be a media type")
    return essence.lower()


def check_field_name(name: str) -> str:
    """The name of a header field (RFC 9110, 5.6.2); a star is not one, which CORS takes for all
    fields or, with cookies, for none.

    :raises ValueError: another text.
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a header field")
    return name


def render_date(moment: datetime) -> str:
    """An aware datetime as IMF-fixdate (RFC 9110, 5.6.7)."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def render_list(items: Sequence[str]) -> str:
    """A comma list without spaces, as tus clients split it."""
    return ",".join(items)


def parse_range(text: str, length: int) -> tuple[int, int] | None:
    """First and past-the-last byte of a Range field over ``length`` bytes (RFC 9110, 14.2).

    None where the field is to be ignored: another unit, a list of ranges, a broken grammar.

    :raises RangeNotSatisfiable: no byte of the range exists.
    """
    match = _RANGE.fullmatch(text)
    if not match or match.group(0, 1, 2)[1:] == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(length - int(last), 0), length
    else:
        start, stop = int(first), min(int(last) + 1 if last else length, length)
        if last and int(last) < start:
            return None
    if start >= length or stop <= start:
        raise RangeNotSatisfiable(length)
    return start, stop


def _safe_character(char: str) -> str:
    """A space for any gap; nothing for what controls, breaks or turns the text around."""
    if unicodedata.category(char) == "Zs":
        return " "
    return char if char.isprintable() else ""


def render_attachment(filename: str) -> str:
    """Content-Disposition for a download under ``filename`` (RFC 6266, 4).

    The name loses its folders. The plain form holds printable ASCII only; ``filename*`` holds
    the whole name percent-encoded, without control characters and bidirectional overrides.
    """
    base = "".join(map(_safe_character, re.split(r"[/\\]", filename)[-1])).strip(" .")
    stem, dot, extension = base.rpartition(".")
    if len(base) > _MAX_NAME and stem and len(extension) < _MAX_NAME // 2:
        base = f"{stem[: _MAX_NAME - 1 - len(extension)]}{dot}{extension}"
    base = base[:_MAX_NAME].strip(" .")
    if not base:
        return "attachment"
    plain = _UNSAFE_IN_NAME.sub("_", base)
    field = f'attachment; filename="{plain}"'
    if plain != base:
        # surrogates cannot be encoded; errors="replace" keeps the field valid whatever came
        field += f"; filename*=UTF-8''{quote(base, safe='', errors='replace')}"
    return field
