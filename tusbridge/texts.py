"""Sizes, times and foreign text as people write and read them. Nothing here imports Django."""

import re
from encodings.aliases import aliases
from typing import Any

from tusbridge.protocol.fields import MAX_INTEGER

_SIZE = re.compile(r"([0-9]{1,19})\s*(?:([KMGTP])(i?)B?|B)?", re.ASCII | re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d)?", re.ASCII | re.IGNORECASE)
_UNITS = "KMGTP"
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}

_LONGEST_SECONDS = 100 * 365 * 86400

# Names of encodings that Python has, letters and digits only.
_ENCODINGS = {name.replace("_", "") for name in (*aliases, *aliases.values())}


def parse_size(text: Any) -> int:
    """Bytes from ``1048576``, ``5GiB``, ``5GB`` or ``5G`` (as GiB).

    :raises ValueError: with a line that says what is taken.
    """
    match = _SIZE.fullmatch(str(text).strip())
    if not match:
        raise ValueError(f"{text!r} is no size; write bytes, or a number with KiB, MiB, GiB or TiB")
    number, unit, binary = match.groups()
    is_decimal = not binary and str(text).strip().upper().endswith("B")
    power = _UNITS.index(unit.upper()) + 1 if unit else 0
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


def render_size(count: int) -> str:
    """Bytes for people: ``0 B``, ``1023 B``, ``1.0 KiB``, ``5.3 GiB``."""
    if count < 1024:
        return f"{count} B"
    size, power = count / 1024, 0
    # what would be told as 1024.0 is 1.0 of the next unit
    while round(size, 1) >= 1024 and power < len(_UNITS) - 1:
        size, power = size / 1024, power + 1
    return f"{size:.1f} {_UNITS[power]}iB"


def render_inert(text: str) -> str:
    """Foreign text in one line that reads as it is stored: what controls, breaks or turns the
    text around is written as its number, ``\\n`` or ``\\u202e``."""
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def is_encoding(name: str) -> bool:
    """Whether Python has an encoding of that name. Python itself remembers each name that it is
    asked for and does not have, so it is not asked for what clients send."""
    return re.sub(r"[^a-z0-9]", "", name.lower()) in _ENCODINGS
