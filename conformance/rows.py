"""The table of rules by its parts, and what of a row no check sees, for it cannot be seen from
outside.
"""

from __future__ import annotations

# The first row of each part.
PARTS = {
    1: "Version and discovery",
    13: "Method override",
    17: "HEAD",
    25: "PATCH",
    48: "Creation",
    67: "Extension creation-defer-length",
    78: "Extension creation-with-upload",
    86: "Extension expiration",
    92: "Extensions checksum and checksum-trailer",
    101: "Extension termination",
    105: "Extensions concatenation and concatenation-unfinished",
    126: "Outside tus 1.0.0",
}

UNSEEN = {
    2: "that a refused creation leaves nothing behind; all that is seen is that no URL is told",
    47: "that bytes told to be stored survive a full disk, a failing one and a killed server",
    51: "that an empty file is there, and that what the server does with complete uploads is done",
    61: "where the bytes of an upload lie",
    80: "as row 2, that a refused creation leaves nothing behind",
    85: "that what came of a broken creation is removed, and that nothing takes it for complete",
    91: "what a sweep removes from the disk",
    98: "as row 2, that a refused creation leaves nothing behind",
    106: "that the server does nothing with a partial that it does with complete uploads",
    115: "as row 2, that a refused final leaves nothing behind",
    125: "that what the server does with complete uploads is done once for a final",
}


def part_of(row: int) -> str:
    """The part's title."""
    return PARTS[max(first for first in PARTS if first <= row)]
