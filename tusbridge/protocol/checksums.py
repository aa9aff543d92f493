"""Upload-Checksum: its grammar, the algorithms, and digests that grow with the body.

tus 1.0.0, checksum. The digest goes over the body of one request, never over the whole upload.
"""

import base64
import binascii
import hashlib
import hmac
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from tusbridge.errors import ChecksumMismatch, InvalidField

_FIELD = "Upload-Checksum"


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    """CRC-32 of zlib; its digest is the four bytes of the number, the highest first."""

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


# In the order in which they are announced; sha1 is the one that every server has to know.
ALGORITHMS: Mapping[str, Callable[[], _Digest]] = {
    "sha1": partial(hashlib.sha1, usedforsecurity=False),
    "md5": partial(hashlib.md5, usedforsecurity=False),
    "sha256": hashlib.sha256,
    "sha512": hashlib.sha512,
    "crc32": _Crc32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksum:
    """What the client says its body has: an algorithm of :data:`ALGORITHMS`, and the digest."""

    algorithm: str
    digest: bytes


def parse_checksum(text: str) -> Checksum:
    """``algorithm Base64``. A digest of a length that the algorithm never has is no mistake of
    the grammar: it will not agree.

    :raises InvalidField: the algorithm is not known here, or the rest is no Base64.
    """
    algorithm, space, encoded = text.partition(" ")
    if algorithm.lower() not in ALGORITHMS:
        known = ", ".join(ALGORITHMS)
        raise InvalidField(_FIELD, f"has to begin with one of {known}, and a space")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidField(_FIELD, "has a value that is not Base64") from error
    if not space or not encoded:
        raise InvalidField(_FIELD, "has no value")
    return Checksum(algorithm=algorithm.lower(), digest=digest)


class RunningChecksum:
    """The digest of a body while it comes. Where ``wanted`` follows behind the body (tus 1.0.0,
    checksum-trailer), each algorithm runs until it is known which one it was."""

    def __init__(self, wanted: Checksum | None) -> None:
        self.wanted = wanted
        names = ALGORITHMS if wanted is None else (wanted.algorithm,)
        self._digests = {name: ALGORITHMS[name]() for name in names}

    def update(self, chunks: Sequence[bytes]) -> None:
        """Take the next chunks of the body."""
        for chunk in chunks:
            for digest in self._digests.values():
                digest.update(chunk)

    def verify(self, trailer: str | None = None) -> None:
        """Compare what came with what the client told, before or behind the body.

        :raises ChecksumMismatch: they differ.
        :raises InvalidField: it was to follow, and did not, or is malformed.
        """
        if self.wanted is None:
            if trailer is None:
                raise InvalidField(_FIELD, "was promised as a trailer and did not come")
            self.wanted = parse_checksum(trailer)
        digest = self._digests[self.wanted.algorithm].digest()
        if not hmac.compare_digest(digest, self.wanted.digest):
            raise ChecksumMismatch(self.wanted.algorithm)
