"""A look at the server before any check, so that a wrong address is told in one sentence and not by
two hundred failures.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

from .client import Client
from .sent import printable
from .target import Target
from .tls import Tls
from .wire import Connection, ConnectionLost, Response, TimedOut, WireError

# A server that speaks the other of HTTP and HTTPS may never answer.
_GUESS_SECONDS = 2.0
# As much of a refusal's text as is told.
_REASON_LETTERS = 100
_INSECURE = Tls(insecure=True)
_TUS_FIELDS = ("tus-", "upload-")


class Unusable(Exception):
    """No check makes sense; the message is a sentence that says what to do."""


class Unreachable(Unusable):
    """There is no answer."""


class Silent(Unreachable):
    """Something takes connections there and answers nothing."""


def probe(target: Target) -> None:
    """Raises `Unusable` where nothing answers, or it is no tus 1.0.0 server, behind a login, or
    makes no uploads at that URL.
    """
    url, login = target.url, bool(target.headers)
    with Client(target) as client:
        answer = asked(url, client.options)
        expect_entry(url, answer, login=login)
        creation = asked(url, lambda: client.post({"Upload-Length": "1"}))
    if "Tus-Version" not in answer.fields and not _is_tus(creation):
        raise Unusable(_why_no_tus(url, answer))
    expect_entry(url, creation, login=login)
    if creation.status >= 400 or "Location" not in creation.fields:
        raise Unusable(_why_no_uploads(url, answer, creation))


def asked(url: str, ask: Callable[[], Response]) -> Response:
    """The answer, where there is one that is HTTP."""
    try:
        answer = ask()
    except ConnectionLost as error:
        raise Unreachable(_why_lost(url, error)) from error
    except TimedOut as error:
        raise Silent(_why_silent(url)) from error
    except WireError as error:
        raise Unusable(_why_no_http(url, error.message)) from error
    if answer.status == 400 and _speaks_https(url):
        raise Unusable(_other_scheme(url))
    return answer


def expect_entry(url: str, answer: Response, hint: str = "", *, login: bool = False) -> None:
    """Raises `Unusable` where the answer asks for a login, or another than the one given, or sends
    elsewhere.
    """
    if answer.status in (401, 403):
        told = " in spite of --header: give a login that it takes"
        untold = ": give a login, as in --header 'Authorization: ...'"
        raise Unusable(f"{url} answers {answer.status}{told if login else untold}{hint}.")
    if 300 <= answer.status < 400:
        place = answer.fields.get("Location") or "nowhere"
        raise Unusable(
            f"{url} sends elsewhere ({answer.status}, to {place}): give that URL, or, where it is a"
            f" login, --header 'Authorization: ...'{hint}."
        )


def _why_no_tus(url: str, answer: Response) -> str:
    if answer.status in (404, 410):
        return f"There is nothing at {url} ({answer.status}): give the URL that makes uploads."
    told = f"its answer to OPTIONS ({answer.status}) has no Tus-Version"
    return f"{url} is no tus server: {told}."


def _why_no_uploads(url: str, answer: Response, creation: Response) -> str:
    versions = answer.fields.tokens("Tus-Version")
    if versions and "1.0.0" not in versions:
        return f"{url} does not speak tus 1.0.0 but {', '.join(versions)}."
    if creation.status in (404, 405, 410):
        return f"{url} makes no uploads ({creation.status} to a POST): give the URL that does."
    if creation.status < 400:
        return f"{url} makes no uploads: its answer to a POST ({creation.status}) has no Location."
    return f"{url} makes no upload of one byte: it answers {creation.status}{_reason(creation)}."


def _reason(answer: Response) -> str:
    """The beginning of a short text in the answer's body."""
    text = printable(" ".join(answer.body.decode("utf-8", "replace").split())).rstrip(".")
    if not text or text.startswith("<"):
        return ""
    return f" ({text if len(text) <= _REASON_LETTERS else text[:_REASON_LETTERS] + '...'})"


def _is_tus(answer: Response) -> bool:
    return any(name.lower().startswith(_TUS_FIELDS) for name, _ in answer.fields.lines)


def _why_lost(url: str, error: ConnectionLost) -> str:
    cause = error.__cause__
    host = urlsplit(url).netloc
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {host} is not trusted ({cause.verify_message}): give --insecure,"
            " or --ca FILE with the certificate to trust."
        )
    if _speaks_other(url):
        return _other_scheme(url)
    return _why_unreachable(host, error, cause)


def _why_unreachable(host: str, error: ConnectionLost, cause: BaseException | None) -> str:
    if error.sent is not None or isinstance(cause, ConnectionResetError):
        return f"{host} closes the connection without an answer."
    if isinstance(cause, ssl.SSLError):
        why = (cause.reason or "no reason told").replace("_", " ").lower()
        return f"The TLS handshake with {host} fails ({why})."
    if isinstance(cause, (socket.gaierror, UnicodeError)):
        return f"The host name of {host} does not resolve."
    if isinstance(cause, ConnectionRefusedError):
        return f"Nothing listens at {host}."
    if isinstance(cause, TimeoutError):
        return f"{host} does not answer in time (--timeout)."
    told = cause.strerror if isinstance(cause, OSError) else None
    return f"{host} cannot be reached ({told or cause})."


def _why_silent(url: str) -> str:
    if _speaks_other(url):
        return _other_scheme(url)
    return f"{urlsplit(url).netloc} takes the connection and does not answer in time (--timeout)."


def _why_no_http(url: str, message: str) -> str:
    if _speaks_other(url):
        return _other_scheme(url)
    return f"What answers at {urlsplit(url).netloc} is no HTTP/1.1 server: {message}."


def _other_scheme(url: str) -> str:
    there, here = ("HTTP", "HTTPS") if url.startswith("https:") else ("HTTPS", "HTTP")
    right = there.lower() + url[url.index(":") :]
    return f"{urlsplit(url).netloc} speaks {there}, not {here}: give {right}."


def _speaks_other(url: str) -> bool:
    return _speaks_http(url) if url.startswith("https:") else _speaks_https(url)


def _speaks_https(url: str) -> bool:
    """Whether the port of an http:// URL takes a TLS handshake."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return False
    try:
        secure = parts._replace(scheme="https", netloc=f"{_host(url)}:{parts.port or 80}")
        Connection(secure.geturl(), _GUESS_SECONDS, _INSECURE).close()
    except WireError:
        return False
    return True


def _speaks_http(url: str) -> bool:
    """Whether the port of an https:// URL answers plain HTTP with an HTTP status."""
    parts = urlsplit(url)
    plain = parts._replace(scheme="http", netloc=f"{_host(url)}:{parts.port or 443}")
    try:
        with closing(Connection(plain.geturl(), _GUESS_SECONDS)) as connection:
            connection.send_head("OPTIONS", "/", [("Host", parts.netloc), ("Connection", "close")])
            answer = connection.read_response()
    except WireError:
        return False
    # so do servers that speak HTTPS, to say that they do
    return answer.status != 400


def _host(url: str) -> str:
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host
