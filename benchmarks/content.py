"""The bytes that are sent, and whether what comes back is the same.

Every upload's content is one block again and again: byte n of an upload is byte n % MIB of the
block. So nothing is made while something is measured, and any range can be compared.
"""

import os

MIB = 2**20
_TWICE = os.urandom(MIB) * 2
BLOCK = memoryview(_TWICE)[:MIB]


def small(length: int) -> bytes:
    """The first ``length`` bytes of every upload, ``length`` up to a MiB."""
    return bytes(BLOCK[:length])


def agrees(received: bytes | memoryview, position: int) -> bool:
    """Whether these bytes, up to a MiB, are an upload's from ``position`` on."""
    # a comparison of memory without copies; that of two memoryviews goes byte by byte
    return _TWICE.startswith(received, position % MIB)
