"""What is measured, by its number."""

from benchmarks.rows.base import Row
from benchmarks.rows.small import HEAD, SMALL
from benchmarks.rows.uploads import AT_ONCE, CHECKSUMMED, MANY_PATCHES, ONE_PATCH

ROWS: dict[int, Row] = {
    row.number: row for row in (ONE_PATCH, MANY_PATCHES, AT_ONCE, SMALL, HEAD, CHECKSUMMED)
}

__all__ = ["ROWS", "Row"]
