"""What a request may do to an upload: upload + request + limits + now -> plan, or an error.

Pure decisions shared by all protocols. Sizes are bytes, times aware datetimes.
"""

from dataclasses import dataclass
from datetime import datetime

from tusbridge.errors import (
    FinalUpload,
    InvalidField,
    LengthConflict,
    OffsetMismatch,
    TooLarge,
    UploadGone,
)
from tusbridge.protocol.checksums import Checksum, parse_checksum

PARTIAL = "partial"
FINAL = "final"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the server takes: ``max_length`` in bytes of one upload."""

    max_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadState:
    """The part of an upload that the rules look at."""

    offset: int
    length: int | None
    is_complete: bool
    expires_at: datetime | None
    concat: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """A creation. ``length`` None while it is deferred; ``metadata`` and ``checksum`` as the client
    wrote them, ``checksum_follows`` when it comes as a trailer; ``content_length`` of the body,
    None when it is not known; ``has_body`` when bytes may follow that belong to the upload.

    ``concat`` is empty, :data:`PARTIAL` or :data:`FINAL`; for the last, ``parts`` are the URLs of
    the partial uploads as written, and ``concat_field`` the whole field."""

    length: int | None
    metadata: str
    filename: str
    content_type: str
    has_body: bool
    content_length: int | None
    checksum: str | None = None
    checksum_follows: bool = False
    concat: str = ""
    concat_field: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendRequest:
    """Bytes from ``offset`` on; ``content_length`` None when the body does not tell; ``length`` of
    the whole upload, where the request names it; ``checksum`` as the client wrote it."""

    offset: int
    content_length: int | None
    length: int | None = None
    checksum: str | None = None
    checksum_follows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendPlan:
    """Append from ``offset``, at most ``limit`` bytes; more is refused.

    ``length`` is to be set first, where it is told for the first time. With a ``checksum``, or
    one that follows as a trailer, nothing counts before the whole body agrees with it; nor, with
    ``all_or_nothing``, before whoever feeds it says that it was whole."""

    offset: int
    limit: int
    length: int | None = None
    checksum: Checksum | None = None
    checksum_follows: bool = False
    all_or_nothing: bool = False


def plan_create(request: CreateRequest, limits: Limits) -> AppendPlan:
    """What the body of a creation may write (tus 1.0.0, creation and creation-with-upload).

    :raises TooLarge: the length is over the limit, or the body over the length.
    :raises InvalidField: the checksum is malformed.
    """
    if request.length is not None and request.length > limits.max_length:
        raise TooLarge(limits.max_length)
    limit = limits.max_length if request.length is None else request.length
    if (request.content_length or 0) > limit:
        raise TooLarge(limit)
    return AppendPlan(
        offset=0,
        limit=limit,
        checksum=_checksum_of(request.checksum),
        checksum_follows=request.checksum_follows,
    )


def plan_append(upload: UploadState, request: AppendRequest, limits: Limits) -> AppendPlan:
    """What an append may write (tus 1.0.0, PATCH). An upload that is complete takes zero bytes.

    :raises OffsetMismatch: the request starts elsewhere than at the end.
    :raises LengthConflict: it names another length than the upload has.
    :raises InvalidField: it names a length below the offset, or its checksum is malformed.
    :raises TooLarge: the body is longer than what is left, or the length over the limit.
    """
    if request.offset != upload.offset:
        raise OffsetMismatch(upload.offset, request.offset)
    told = _told_length(upload, request.length, limits)
    total = told if upload.length is None else upload.length
    limit = max((limits.max_length if total is None else total) - upload.offset, 0)
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(limit, "the rest of the upload")
    return AppendPlan(
        offset=upload.offset,
        limit=limit,
        length=told,
        checksum=_checksum_of(request.checksum),
        checksum_follows=request.checksum_follows,
    )


def _told_length(upload: UploadState, length: int | None, limits: Limits) -> int | None:
    """The length that a deferred upload gets with this request (tus 1.0.0, Upload-Defer-Length:
    once set, it must not change); None where nothing is new."""
    if length is None or length == upload.length:
        return None
    if upload.length is not None:
        raise LengthConflict(upload.length, length)
    if length < upload.offset:
        raise InvalidField("Upload-Length", f"is below the {upload.offset} bytes that are there")
    if length > limits.max_length:
        raise TooLarge(limits.max_length)
    return length


def _checksum_of(text: str | None) -> Checksum | None:
    return None if text is None else parse_checksum(text)


def plan_concat(lengths: list[int | None], limits: Limits) -> int | None:
    """The length of a final upload of such parts; None while one of theirs is not known.

    :raises TooLarge: what is known is over the limit already.
    """
    if sum(length or 0 for length in lengths) > limits.max_length:
        raise TooLarge(limits.max_length)
    known = [length for length in lengths if length is not None]
    return sum(known) if len(known) == len(lengths) else None


def check_takes_bytes(upload: UploadState) -> None:
    """:raises FinalUpload: it is made of others (tus 1.0.0, Upload-Concat)."""
    if upload.concat == FINAL:
        raise FinalUpload


def check_alive(upload: UploadState, now: datetime) -> None:
    """:raises UploadGone: the upload is past its time (tus 1.0.0, expiration). A finished one has
    none; a partial one that nobody made use of has."""
    is_finished = upload.is_complete and upload.concat != PARTIAL
    if not is_finished and upload.expires_at is not None and upload.expires_at <= now:
        raise UploadGone
