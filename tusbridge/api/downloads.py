"""GET of a finished upload: Range, validators, and fields that keep its content inert."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import parse_etags, parse_http_date_safe

from tusbridge.carrying import CarriedPieces, serving
from tusbridge.errors import PreconditionFailed
from tusbridge.models import AbstractUpload
from tusbridge.protocol.fields import parse_range, render_attachment, render_date
from tusbridge.service import UploadService


def download(
    request: HttpRequest, service: UploadService, upload: AbstractUpload
) -> HttpResponseBase:
    """The upload's bytes, or the part that Range asks for (RFC 9110, 13 and 14).

    :raises PreconditionFailed: the client wants another file's bytes, or an older one's.
    :raises RangeNotSatisfiable: no byte of the range exists.
    """
    etag = f'"{upload.upload_id}"'
    # the fields hold whole seconds
    completed = upload.completed_on
    modified = None if completed is None else int(completed.timestamp())
    check_match(request, etag, modified)
    if has_it(request, etag, modified):
        response: HttpResponseBase = HttpResponse(status=304)
        _add_fields(response, upload, etag)
        del response["Content-Type"]
        return response
    length = upload.offset
    wanted = _wanted_range(request, etag, modified, length)
    start, stop = wanted or (0, length)
    with serving(request):
        pieces = CarriedPieces(service.open(upload, start, stop))
    response = StreamingHttpResponse(pieces, status=206 if wanted else 200)
    if isinstance(request, ASGIRequest) and not hasattr(request, "tusbridge_body"):
        # Django's handler would take what is not an asynchronous iterator into memory whole
        response.streaming_content = _asynchronous(pieces)
    _add_fields(response, upload, etag)
    response["Content-Type"] = "application/octet-stream"
    response["Content-Disposition"] = render_attachment(upload.filename or upload.upload_id)
    response["Content-Length"] = str(stop - start)
    if wanted:
        response["Content-Range"] = f"bytes {start}-{stop - 1}/{length}"
    return response


async def _asynchronous(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    take = sync_to_async(lambda: next(pieces, b""))
    while piece := await take():
        yield piece


def _add_fields(response: HttpResponseBase, upload: AbstractUpload, etag: str) -> None:
    response["ETag"] = etag
    if upload.completed_on is not None:
        response["Last-Modified"] = render_date(upload.completed_on)
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, no-cache"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Referrer-Policy"] = "no-referrer"


def check_match(request: HttpRequest, etag: str, modified: int | None) -> None:
    """If-Match, or else If-Unmodified-Since (RFC 9110, 13.2.2); a file without a date is compared
    with none.

    :raises PreconditionFailed: it does not hold.
    """
    match = request.META.get("HTTP_IF_MATCH")
    if match is not None:
        # weak tags never match here (RFC 9110, 13.1.1)
        if not {"*", etag} & set(parse_etags(match)):
            raise PreconditionFailed("If-Match")
        return
    since = _date(request, "HTTP_IF_UNMODIFIED_SINCE")
    if None not in {since, modified} and modified > since:  # type: ignore[operator]
        raise PreconditionFailed("If-Unmodified-Since")


def has_it(request: HttpRequest, etag: str, modified: int | None) -> bool:
    """Whether the client has the file already: If-None-Match, or else If-Modified-Since (RFC 9110,
    13.2.2)."""
    match = request.META.get("HTTP_IF_NONE_MATCH")
    if match is not None:
        tags = {tag.removeprefix("W/") for tag in parse_etags(match)}
        return bool({"*", etag} & tags)
    since = _date(request, "HTTP_IF_MODIFIED_SINCE")
    return since is not None and modified is not None and modified <= since


def _date(request: HttpRequest, name: str) -> int | None:
    """Seconds since 1970; None where there is no date, or none that can be read."""
    return parse_http_date_safe(request.META.get(name, ""))


def _wanted_range(
    request: HttpRequest, etag: str, modified: int | None, length: int
) -> tuple[int, int] | None:
    text = request.META.get("HTTP_RANGE", "")
    # the field is for GET alone (RFC 9110, 14.2)
    if not text or request.method != "GET":
        return None
    condition = request.META.get("HTTP_IF_RANGE", "").strip()
    if condition and condition != etag:
        # a file never changes below its URL, so its date is as good as its tag (RFC 9110, 13.1.5)
        since = _date(request, "HTTP_IF_RANGE")
        if since is None or since != modified:
            return None
    return parse_range(text, length)
