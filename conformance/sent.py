"""A request as it was sent: as text for the report, and as a curl command that sends it again."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .tls import TRUSTED, Tls

SECRET_FIELDS = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie", "x-csrftoken"}
)
# As much of a body as is kept; a shell's line takes no more in comfort.
KEPT_BYTES = 1024
# So long may a text be before the report cuts it.
_LONG = 300

FieldLines = Sequence[tuple[str, str]]

HALF_BODY = "a body is sent in part, or in parts with other requests between them"
HALF_CLOSED = "the client closes its side of the connection"
RESET = "the connection is reset"
SILENCE = "the client is silent for a while"
AGAIN = "one connection carries more than one request"
TRAILERS = "the body has trailers, which curl cannot send"
TOO_LONG = "it depends on the bytes, which are too many for a line"


@dataclass(slots=True, kw_only=True)
class Sent:
    """One request. `given_bytes` are those of the body that the check handed over, `sent_bytes`
    those that left before the server answered; `kept` is the beginning of them.
    """

    method: str
    url: str
    lines: FieldLines
    tls: Tls = TRUSTED
    given_bytes: int = 0
    sent_bytes: int = 0
    kept: bytearray = field(default_factory=bytearray)
    chunks_ended: bool = False
    # what curl cannot do, with the reason
    raw: str | None = None

    def give(self, data: bytes) -> None:
        self.given_bytes += len(data)
        self.kept += data[: KEPT_BYTES - len(self.kept)]

    def value(self, name: str) -> str | None:
        return next((value for key, value in self.lines if key.lower() == name.lower()), None)

    @property
    def is_chunked(self) -> bool:
        return "chunked" in (self.value("Transfer-Encoding") or "").lower()

    @property
    def is_whole(self) -> bool:
        if self.is_chunked:
            return self.chunks_ended
        return (self.value("Content-Length") or "0") == str(self.given_bytes)

    @property
    def needs_socket(self) -> str | None:
        """What of it no HTTP client does."""
        return self.raw if self.raw is not None or self.is_whole else HALF_BODY

    @property
    def why_no_curl(self) -> str | None:
        """The reason why no single curl command can repeat it."""
        too_long = self.given_bytes > KEPT_BYTES and self._depends_on_bytes
        return self.needs_socket or (TOO_LONG if too_long else None)

    @property
    def _depends_on_bytes(self) -> bool:
        names = ("Upload-Checksum", "Content-MD5")
        form = (self.value("Content-Type") or "").startswith(("multipart/", "application/x-www"))
        return form or any(self.value(name) is not None for name in names)

    def __str__(self) -> str:
        """The head, secrets masked, long texts cut, and how many bytes of a body left."""
        head = [f"{self.method} {shortened(target_of(self.url))} HTTP/1.1"]
        head += [f"{name}: {shown(name, value)}" for name, value in self.lines]
        sent = [f"({self.sent_bytes} body bytes sent)"] if self.sent_bytes else []
        return "\n".join([*(head if self.method else []), *sent])

    def curl(self) -> str | None:
        """A line for a POSIX shell, secrets masked; None where curl cannot send it."""
        if self.why_no_curl is not None:
            return None
        before, data = _body(self)
        words = ["curl", "-i", *_method(self), *_certificate(self.tls), *_fields(self), *data]
        return before + shlex.join([*words, "--path-as-is", "-g", self.url])


def target_of(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def shortened(text: str) -> str:
    return text if len(text) < _LONG else f"{text[:_LONG]}..."


def shown(name: str, value: str) -> str:
    """A field's value for people: no secret, not long, no control characters for a terminal."""
    return "***" if name.lower() in SECRET_FIELDS else printable(shortened(value))


def printable(text: str) -> str:
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def _method(sent: Sent) -> list[str]:
    plain = {"HEAD": ["--head"], "GET": []}
    return plain.get(sent.method, ["-X", sent.method])


def _certificate(tls: Tls) -> list[str]:
    if tls.insecure:
        return ["--insecure"]
    return ["--cacert", tls.ca_file] if tls.ca_file else []


def _fields(sent: Sent) -> list[str]:
    """Those that curl does not make itself; what it would add unasked is taken out."""
    own = {"host": urlsplit(sent.url).netloc, "content-length": str(sent.given_bytes)}
    words = []
    for name, value in sent.lines:
        if own.get(name.lower()) != value:
            masked = "***" if name.lower() in SECRET_FIELDS else value
            words += ["-H", f"{name}: {masked}" if masked else f"{name};"]
    unasked = ["Content-Type"] if _says_a_body(sent) else []
    unasked += ["Expect"] if sent.given_bytes > KEPT_BYTES else []
    return words + [
        word for name in unasked if sent.value(name) is None for word in ("-H", f"{name}:")
    ]


def _says_a_body(sent: Sent) -> bool:
    return sent.is_chunked or sent.value("Content-Length") is not None


def _body(sent: Sent) -> tuple[str, list[str]]:
    """What comes before curl in the line, and its words for the body."""
    if not _says_a_body(sent):
        return "", []
    text = bytes(sent.kept).decode("latin-1")
    if sent.given_bytes > KEPT_BYTES:
        return f"head -c {sent.given_bytes} /dev/zero | ", ["--data-binary", "@-"]
    if text.isascii() and text.isprintable():
        return "", ["--data-raw", text]
    octal = "".join(f"\\{byte:03o}" for byte in sent.kept)
    return f"printf '{octal}' | ", ["--data-binary", "@-"]
