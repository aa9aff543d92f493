"""Web origins (RFC 6454) as people write them and as browsers send them. Nothing here imports
Django."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)
_HOST = re.compile(r"[a-z0-9._~-]+", re.ASCII)
_HOST_NAME = re.compile(r"[a-z0-9.-]+", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*", re.ASCII)
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_DEFAULT_PORTS = {("http", 80), ("https", 443)}
_MAX_PORT = 65535
# Python's IDNA (2003) maps these characters, browsers (UTS 46) keep them.
_MAPPED_OTHERWISE = re.compile("[\u00df\u03c2\u1e9e\u200c\u200d]")
# What the parts of an entry with a star stand for.
_SUBDOMAINS = r"(?:[a-z0-9_-]+\.)+"
_ANY_PORT = r"(?::[0-9]{1,5})?"


def normalise_origin(text: str) -> str:
    """An entry of a list of origins, in the form that browsers send.

    Scheme and host get lower case, an international name becomes Punycode; a slash at the end and
    the scheme's own port go. ``*`` and ``null`` stay, ``https://*.app.example`` stands for all
    subdomains, and ``http://localhost:*`` for any port.

    :raises ValueError: no browser sends such an origin; the text says what is wrong with it.
    """
    text = text.strip()
    if text.lower() in {"*", "null"}:
        return text.lower()
    scheme, separator, rest = text.partition("://")
    if not separator or not scheme:
        raise ValueError("has no scheme")
    scheme, rest = scheme.lower(), rest.removesuffix("/")
    if re.search(r"[/?#\\]", rest):
        raise ValueError("has a path")
    host, port = _split_port(rest)
    star = "*." if host.startswith("*.") else ""
    host = _normalise_host(host.removeprefix(star))
    if not _SCHEME.fullmatch(scheme) or not host:
        raise ValueError("is not an origin")
    return f"{scheme}://{star}{host}{_normalise_port(scheme, port)}"


def _split_port(rest: str) -> tuple[str, str]:
    """Host and port; a colon inside the brackets of an IPv6 address is not a port's."""
    host, _, port = rest.rpartition(":")
    return (host, port) if host and "]" not in port else (rest, "")


def _normalise_host(host: str) -> str:
    """In lower case and ASCII, "" where it is not a host.

    :raises ValueError: it has a star, or has to be written in Punycode.
    """
    if "*" in host:
        raise ValueError("has a star elsewhere than for subdomains or for the port")
    if host.startswith("["):
        return _normalise_ipv6(host)
    if not host.isascii():
        if _MAPPED_OTHERWISE.search(host):
            raise ValueError("has a letter that has to be written in Punycode (xn--...)")
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            return ""
    host = host.lower()
    return host if _HOST.fullmatch(host) else ""


def _normalise_ipv6(host: str) -> str:
    if "%" in host:
        return ""  # a zone, which browsers do not take
    try:
        return f"[{ipaddress.IPv6Address(host[1:].removesuffix(']')).compressed}]"
    except ValueError:
        return ""


def _normalise_port(scheme: str, port: str) -> str:
    """With its colon; "" where browsers leave it out."""
    if port in {"", "*"}:
        return f":{port}" if port else ""
    if not _PORT.fullmatch(port) or not 0 < int(port) <= _MAX_PORT:
        raise ValueError("has a port that is not a number from 1 to 65535")
    return "" if (scheme, int(port)) in _DEFAULT_PORTS else f":{int(port)}"


def is_allowed(origin: str, origins: Sequence[str]) -> bool:
    """Whether an origin, as a browser sends it, is on a list of normalised entries.

    ``https://*.app.example`` stands for its subdomains at any depth and not for ``app.example``;
    ``http://host:*`` for any port or none.
    """
    if "*" in origin:
        return False
    if origin in origins:
        return True
    return _pattern(tuple(entry for entry in origins if "*" in entry)).fullmatch(origin) is not None


@lru_cache(maxsize=16)
def _pattern(entries: tuple[str, ...]) -> re.Pattern[str]:
    """What the entries with a star stand for; ``*`` alone is not an origin's pattern."""
    return re.compile("|".join(map(_pattern_of, entries)) or "(?!)", re.ASCII)


def _pattern_of(entry: str) -> str:
    scheme, separator, rest = entry.partition("://")
    if not separator:
        return "(?!)"
    host, any_port = (rest[:-2], _ANY_PORT) if rest.endswith(":*") else (rest, "")
    star, name = (_SUBDOMAINS, host[2:]) if host.startswith("*.") else ("", host)
    return f"{re.escape(scheme)}://{star}{re.escape(name)}{any_port}"


def normalise_host_name(text: str) -> str:
    """An entry of a list of host names, as Django compares it: ``app.example``, ``.app.example``
    for the domain and all its subdomains, or ``*`` for any.

    :raises ValueError: no request matches such an entry; the text says what to write.
    """
    text = text.strip()
    if text == "*":
        return text
    if "/" in text:
        raise ValueError("is a URL; write the host name alone, such as app.example")
    if "*" in text:
        raise ValueError("has a star; write .app.example for the domain and its subdomains")
    if "_" in text:
        raise ValueError("has an underscore, which host names cannot have; use another name")
    try:
        return f"[{ipaddress.IPv6Address(text.strip('[]')).compressed}]"
    except ValueError:
        name, port = _split_port(text)
    if port:
        raise ValueError(f"has a port; write {name} alone, which stands for any port")
    dot = "." if name.startswith(".") else ""
    name = _normalise_host(name.removeprefix(".").removesuffix("."))
    if not _HOST_NAME.fullmatch(name):
        raise ValueError("is not a host name")
    return f"{dot}{name}"


def normalise_base_url(text: str) -> str:
    """Where clients see a server, without a slash at its end: ``https://app.example``, or with a
    folder, ``https://app.example/uploads``.

    :raises ValueError: not a URL of HTTP without query and fragment.
    """
    scheme, separator, rest = text.strip().partition("://")
    host, slash, path = rest.partition("/")
    if scheme.lower() not in {"http", "https"} or not separator:
        raise ValueError("is not a URL that begins with https:// or http://")
    origin = normalise_origin(f"{scheme}://{host}")
    if "*" in origin or not _PATH.fullmatch(path):
        raise ValueError("has to be a URL without a star, a query or a fragment")
    return f"{origin}{slash}{path}".rstrip("/")
