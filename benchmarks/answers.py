"""HTTP answers as bytes on the wire are parsed here, without sockets."""

import re
from dataclasses import dataclass

from benchmarks.failures import Failed

_END = b"\r\n\r\n"
# A head that is longer is none.
_LONGEST_HEAD = 2**16
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?\r\n")
_NAMES = (
    "connection content-length content-range location transfer-encoding "
    "tus-extension upload-length upload-offset"
)
# Only what somebody here looks at: parsing all fields would cost the generator time.
_FIELD = re.compile(
    rf"^({'|'.join(_NAMES.split())}):[ \t]*([^\r\n]*?)[ \t]*\r$".encode(), re.I | re.M
)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response. ``fields`` are those of interest, by lower-case name; ``closes`` says that its
    connection is not to be used again."""

    status: int
    fields: dict[str, str]
    closes: bool = False
    body: bytes = b""

    def number(self, name: str) -> int:
        """A field's value as a number.

        :raises Failed: the field is not there, or is no number.
        """
        value = self.fields.get(name)
        if value is None:
            raise Failed(f"answered {self.status} without {name.title()}")
        if not value.isascii() or not value.isdigit():
            raise Failed(f"{name.title()} is {value[:50]!r}, no number")
        return int(value)

    def body_length(self, method: str) -> int | None:
        """Bytes of the body to come; None if it comes in chunks.

        :raises Failed: it can only be told by the connection's end.
        """
        if method == "HEAD" or self.status in {204, 304} or self.status < 200:
            return 0
        if self.fields.get("transfer-encoding", "").lower() == "chunked":
            return None
        if "content-length" not in self.fields:
            raise Failed(f"answered {self.status} with a body of no length")
        return self.number("content-length")


def parse_head(data: bytes) -> tuple[Answer, bytes] | None:
    """The first final answer's head, and what follows it; None while more has to come.

    :raises Failed: this is no HTTP.
    """
    while True:
        head, end, rest = data.partition(_END)
        match = _STATUS.match(head + b"\r\n")
        if not end:
            if len(data) > _LONGEST_HEAD or not (match or _may_become_status(data)):
                raise Failed(f"answered {data[:60]!r}, no HTTP")
            return None
        if not match:
            raise Failed(f"answered {data[:60]!r}, no HTTP")
        status = int(match[2])
        if status >= 200:
            break
        data = rest
    found = _FIELD.findall(head + b"\r")
    fields = {name.decode().lower(): value.decode("latin-1") for name, value in found}
    connection = fields.get("connection", "").lower()
    closes = connection == "close" or (match[1] == b"0" and connection != "keep-alive")
    return Answer(status=status, fields=fields, closes=closes), rest


def parse_chunk_size(data: bytes) -> tuple[int, bytes] | None:
    """The size at the beginning of a chunk, and what follows it; None while more has to come.

    :raises Failed: this is no chunk's size.
    """
    match = _CHUNK.match(data)
    if match:
        return int(match[1], 16), data[match.end() :]
    if b"\n" in data or len(data) > 1000:
        raise Failed(f"sent {data[:60]!r} where a chunk's size has to be")
    return None


def _may_become_status(data: bytes) -> bool:
    first = data.partition(b"\r\n")[0]
    return b"\r\n" not in data and (first.startswith(b"HTTP/1.") or b"HTTP/1.".startswith(first))
