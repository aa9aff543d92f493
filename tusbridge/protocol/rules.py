"""What a request may do to an upload: upload + request + limits + now -> plan, or an error.

Pure decisions shared by all protocols. Sizes are bytes, times aware datetimes.
"""

from dataclasses import dataclass
from datetime import datetime

from tusbridge.errors import LengthConflict, NotSupported, OffsetMismatch, TooLarge, UploadGone


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRequest:
    """A creation. ``metadata`` as the client wrote it; ``content_length`` of the body, None
    when it is not known; ``has_body`` when bytes may follow that belong to the upload."""

    length: int
    metadata: str
    filename: str
    content_type: str
    has_body: bool
    content_length: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendRequest:
    """Bytes from ``offset`` on; ``content_length`` None when the body does not tell."""

    offset: int
    content_length: int | None
    length: int | None = None
    has_checksum: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppendPlan:
    """Append from ``offset``, at most ``limit`` bytes; more is refused."""

    offset: int
    limit: int


def plan_create(request: CreateRequest, limits: Limits) -> AppendPlan:
    """What the body of a creation may write (tus 1.0.0, creation and creation-with-upload).

    :raises TooLarge: the length is over the limit, or the body over the length.
    """
    if request.length > limits.max_length:
        raise TooLarge(limits.max_length)
    if (request.content_length or 0) > request.length:
        raise TooLarge(request.length)
    return AppendPlan(offset=0, limit=request.length)


def plan_append(upload: UploadState, request: AppendRequest, limits: Limits) -> AppendPlan:
    """What an append may write (tus 1.0.0, PATCH). An upload that is complete takes zero bytes.

    :raises OffsetMismatch: the request starts elsewhere than at the end.
    :raises LengthConflict: it names another length than the upload has.
    :raises TooLarge: the body is longer than what is left.
    :raises NotSupported: it needs an extension that is not offered.
    """
    if request.offset != upload.offset:
        raise OffsetMismatch(upload.offset, request.offset)
    if request.length is not None and request.length != upload.length:
        if upload.length is None:
            raise NotSupported("Upload-Length in an append")
        raise LengthConflict(upload.length, request.length)
    total = limits.max_length if upload.length is None else upload.length
    limit = max(total - upload.offset, 0)
    if request.content_length is not None and request.content_length > limit:
        raise TooLarge(limit, "the rest of the upload")
    if request.has_checksum:
        raise NotSupported("Upload-Checksum")
    return AppendPlan(offset=upload.offset, limit=limit)


def check_alive(upload: UploadState, now: datetime) -> None:
    """:raises UploadGone: the upload is unfinished and past its time (tus 1.0.0, expiration)."""
    if not upload.is_complete and upload.expires_at is not None and upload.expires_at <= now:
        raise UploadGone
