"""What is measured, by its number."""

from benchmarks.rows.base import Row
from benchmarks.rows.concatenation import CONCATENATION
from benchmarks.rows.downloads import DOWNLOAD
from benchmarks.rows.forms import FORMS
from benchmarks.rows.growth import GROWTH
from benchmarks.rows.slow import SLOW
from benchmarks.rows.small import HEAD, SMALL
from benchmarks.rows.uploads import AT_ONCE, CHECKSUMMED, MANY_PATCHES, ONE_PATCH

ROWS: dict[int, Row] = {
    row.number: row
    for row in (
        *(ONE_PATCH, MANY_PATCHES, AT_ONCE, SMALL, HEAD, SLOW, CONCATENATION, GROWTH),
        *(CHECKSUMMED, FORMS, DOWNLOAD),
    )
}

__all__ = ["ROWS", "Row"]
