"""Request bodies, as jQuery-File-Upload and pages make them: text fields first, then files."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from .target import Field

FORM_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file in a form, under the form field's name."""

    name: str
    content: bytes
    filename: str = "test.bin"
    type: str = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request's body with its Content-Type."""

    type: str
    content: bytes


def multipart(fields: Sequence[Field], files: Sequence[FilePart]) -> Body:
    """RFC 7578, with names escaped as browsers do (HTML, multipart/form-data encoding)."""
    boundary = f"----conformance{secrets.token_hex(12)}"
    parts = [_text_part(name, value) for name, value in fields] + [_file_part(f) for f in files]
    content = b"".join(b"--%b\r\n%b\r\n" % (boundary.encode(), part) for part in parts)
    return Body(
        type=f"multipart/form-data; boundary={boundary}",
        content=content + f"--{boundary}--\r\n".encode(),
    )


def urlencoded(fields: Sequence[Field]) -> Body:
    return Body(type=FORM_TYPE, content=urlencode(fields).encode())


def _text_part(name: str, value: str) -> bytes:
    head = f'Content-Disposition: form-data; name="{_escaped(name)}"\r\n\r\n'
    return head.encode() + value.encode()


def _file_part(part: FilePart) -> bytes:
    names = f'name="{_escaped(part.name)}"; filename="{_escaped(part.filename)}"'
    head = f"Content-Disposition: form-data; {names}\r\nContent-Type: {part.type}\r\n\r\n"
    return head.encode() + part.content


def _escaped(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
