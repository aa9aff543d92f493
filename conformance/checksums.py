"""The checksums that a check can make, whatever the server announces."""

from __future__ import annotations

import hashlib
import zlib
from base64 import b64encode

from .client import Client

_HASHES = ("sha1", "md5", "sha224", "sha256", "sha384", "sha512")
# tus 1.0.0 names sha1 and md5 and leaves the others to the server.
ALGORITHMS = (*_HASHES, "crc32")


def digest(body: bytes, algorithm: str) -> bytes:
    """A hash's bytes as they are; of a CRC the four bytes, most significant first."""
    if algorithm == "crc32":
        return zlib.crc32(body).to_bytes(4, "big")
    return hashlib.new(algorithm, body, usedforsecurity=False).digest()


def checksum(body: bytes, algorithm: str = "sha1") -> dict[str, str | None]:
    """The field that goes with these bytes."""
    return {"Upload-Checksum": f"{algorithm} {b64encode(digest(body, algorithm)).decode()}"}


def algorithms_of(client: Client) -> list[str]:
    """sha1, which must be there, and what else the server announces and we can make."""
    announced = client.options().fields.tokens("Tus-Checksum-Algorithm")
    return [name for name in ALGORITHMS if name == "sha1" or name in announced]
