"""What is checked, and how a check ends other than well."""

from __future__ import annotations

from dataclasses import dataclass

from .sent import Sent
from .tls import TRUSTED, Tls

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server under test. Facts that cannot be seen from outside are None unless the caller knows
    them.

    url: the creation endpoint, such as `http://127.0.0.1:8000/files/`. headers: sent with every
    request (a login, say); other_headers: the same for a second user. read_timeout_seconds: after
    which the server gives up a silent body (at most 15 to be checked). expire_seconds: life of an
    unfinished upload (at most 10 to be checked). cors_origin: an origin that the server allows.
    trailers: whether the HTTP server hands trailers over. downloads: whether GET may be tried.
    assumed: extensions that it has and does not announce. tls: how its certificate is judged.
    """

    url: str
    headers: Headers = ()
    other_headers: Headers | None = None
    timeout_seconds: float = 10.0
    read_timeout_seconds: float | None = None
    expire_seconds: float | None = None
    cors_origin: str | None = None
    trailers: bool | None = None
    downloads: bool = True
    assumed: tuple[str, ...] = ()
    tls: Tls = TRUSTED


class CheckFailed(AssertionError):
    """The rule is not kept. `sent` is the request, `answer` the answer got, as text; `raw` says
    what of the check's requests curl cannot repeat. `is_doubtful`: the server may have been
    away, for no request of the check was answered, or a connection broke.
    """

    is_doubtful = False

    def __init__(
        self, message: str, sent: Sent | None = None, answer: str = "", raw: str | None = None
    ) -> None:
        shown = f"\n--- request\n{sent}" if sent else ""
        super().__init__(message + shown + (f"\n--- answer\n{answer}" if answer else ""))
        self.message = message
        self.sent = sent
        self.answer = answer
        self.raw = raw


class Away(Exception):
    """Nothing listens where a check begins, so that it can say nothing of its rule."""


class NotAnnounced(Exception):
    """The server does not name the extension in Tus-Extension, so its rules do not bind it."""

    def __init__(self, extension: str) -> None:
        super().__init__(f"the server does not announce {extension}")
        self.extension = extension


class NotTestable(Exception):
    """The rule cannot be seen from outside with the facts given."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
