"""The contract of django-chunked-upload as rules: Content-Range, totals, errors to answers.

Nothing here imports Django. Sources: the package's releases 1.1.1 to 2.0.0 and its forks, which
agree on all of this.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tusbridge import errors

# What the views match the field against, by default.
CONTENT_RANGE = re.compile(r"^bytes (?P<start>\d+)-(?P<end>\d+)/(?P<total>\d+)$", re.ASCII)
# The largest number that the row's columns take.
MAX_INTEGER = 2**63 - 1
# Decimal digits that are certainly more than MAX_INTEGER.
_TOO_MANY_DIGITS = 20

NO_CHUNK = "No chunk file was submitted"
NO_CREDENTIALS = "Authentication credentials were not provided"
BAD_HEADERS = "Error in request headers"
WRONG_OFFSET = "Offsets do not match"
WRONG_SIZE = "File size doesn't match headers"
PART_WITHOUT_RANGE = (
    "This is one of several chunks of {sender}, and no Content-Range says which: send "
    "'Content-Range: bytes first-last/total' with each, one at a time, and the upload_id of the "
    "first answer with the others (docs/legacy.md)"
)
EXPIRED = "Upload has expired"
COMPLETE_TO_UPLOAD = 'Upload has already been marked as "complete"'
COMPLETE_TO_COMPLETE = "Upload has already been marked as complete"
BOTH_REQUIRED = "Both 'upload_id' and 'md5' are required"
ID_REQUIRED = "'upload_id' is required"
WRONG_MD5 = "md5 checksum does not match"
NOT_FOUND = "Not found"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRange:
    """Where a chunk's bytes go: ``end`` is the last byte's position, ``total`` the file's length.

    Numbers beyond what a file can have are cut to one that no file has."""

    start: int
    end: int
    total: int

    @property
    def size(self) -> int:
        """Bytes of the chunk; not more than 0 for an empty one."""
        return self.end - self.start + 1


def parse_content_range(text: str, pattern: re.Pattern[str] = CONTENT_RANGE) -> ContentRange | None:
    """The field's numbers; None for anything that the pattern does not match, which counts as no
    field at all."""
    match = pattern.match(text)
    if match is None:
        return None
    start, end, total = (_number(match[name]) for name in ("start", "end", "total"))
    return ContentRange(start=start, end=end, total=total)


def _number(digits: str) -> int:
    """Python refuses to read numbers of more than 4,300 digits."""
    digits = digits.lstrip("0") or "0"
    return MAX_INTEGER + 1 if len(digits) >= _TOO_MANY_DIGITS else int(digits)


def whole_file(size: int) -> ContentRange:
    """What a chunk without the field is: the whole file."""
    return ContentRange(start=0, end=size - 1, total=size)


def told_length(where: ContentRange) -> int | None:
    """The length of the whole upload, if the range makes sense of one; None: it is not known.

    Clients may change their mind: recorders that stream tell a larger total with every chunk.
    """
    makes_sense = where.end < where.total <= MAX_INTEGER
    return where.total if makes_sense or where.size <= 0 <= where.total == where.start else None


def is_strict(where: ContentRange, length: int | None) -> bool:
    """Whether the range ends before its total, which is the one that was told before."""
    return where.end < where.total and length in {None, where.total}


def parse_md5(text: str) -> str:
    """The hex digest as it is compared: in lower case, and without blanks around."""
    return text.strip().lower()


def render_range(offset: int) -> str | None:
    """The ``Range`` field of an answer, which jQuery-File-Upload goes on behind; None for no
    bytes."""
    return f"bytes=0-{offset - 1}" if offset else None


# The one table from errors to statuses. Refusals that the contract knows are 400, 403, 404 and 410.
STATUS: Mapping[type[errors.UploadError], int] = {
    errors.InvalidField: 400,
    errors.AmbiguousBody: 400,
    errors.HostNotAllowed: 400,
    errors.BodyIncomplete: 400,
    errors.LengthConflict: 400,
    errors.OffsetMismatch: 400,
    errors.TooLarge: 400,
    errors.AlreadyComplete: 400,
    errors.ChecksumMismatch: 400,
    errors.NotSupported: 400,
    errors.UnsupportedVersion: 400,
    errors.PreconditionFailed: 400,
    errors.UploadIncomplete: 400,
    errors.RangeNotSatisfiable: 400,
    errors.Unauthenticated: 403,
    errors.Forbidden: 403,
    errors.FinalUpload: 403,
    errors.PartialUpload: 403,
    errors.UploadNotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.UploadBusy: 409,
    errors.LeaseLost: 409,
    errors.AlreadyAttached: 409,
    errors.UploadGone: 410,
    errors.LengthRequired: 411,
    errors.QuotaExceeded: 413,
    errors.UnsupportedMediaType: 415,
    errors.TooManyUploads: 429,
    errors.TooManyCreations: 429,
    errors.TooManyRequests: 429,
    errors.BodyAlreadyRead: 500,
    errors.RowRefused: 500,
    errors.BodyTimeout: 503,
    errors.ServerStopping: 503,
    errors.DatabaseUnavailable: 503,
    errors.Overloaded: 503,
    errors.StoreError: 503,
    errors.BlobTruncated: 503,
    errors.BytesMissing: 503,
    errors.NameBusy: 503,
    errors.StoreFull: 507,
}
# Where the contract has words for what happened.
_TEXTS: Mapping[type[errors.UploadError], str] = {
    errors.OffsetMismatch: WRONG_OFFSET,
    errors.AlreadyComplete: COMPLETE_TO_COMPLETE,
    errors.ChecksumMismatch: WRONG_MD5,
    errors.Unauthenticated: NO_CREDENTIALS,
    errors.UploadNotFound: NOT_FOUND,
    errors.UploadGone: EXPIRED,
}


def render_error(error: errors.UploadError) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an error; ``offset`` where the client is to go on elsewhere."""
    detail = _TEXTS.get(type(error), str(error))
    if isinstance(error, errors.TooLarge):
        detail = f"Size of file exceeds the limit ({error.limit} bytes)"
    data: dict[str, Any] = {"detail": detail}
    if isinstance(error, errors.OffsetMismatch):
        data["offset"] = error.expected
    return STATUS[type(error)], data
