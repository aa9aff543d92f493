"""GET of a finished upload: Range, validators, and fields that keep its content inert."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from tusbridge.carrying import CarriedPieces, serving
from tusbridge.models import AbstractUpload
from tusbridge.protocol.fields import parse_range, render_attachment, render_date
from tusbridge.service import UploadService


def download(
    request: HttpRequest, service: UploadService, upload: AbstractUpload
) -> HttpResponseBase:
    """The upload's bytes, or the part that Range asks for (RFC 9110, 13 and 14).

    :raises RangeNotSatisfiable: no byte of the range exists.
    """
    etag = f'"{upload.upload_id}"'
    if _matches(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
        response: HttpResponseBase = HttpResponse(status=304)
        _add_fields(response, upload, etag)
        del response["Content-Type"]
        return response
    length = upload.offset
    wanted = _wanted_range(request, etag, length)
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


def _wanted_range(request: HttpRequest, etag: str, length: int) -> tuple[int, int] | None:
    text = request.META.get("HTTP_RANGE", "")
    condition = request.META.get("HTTP_IF_RANGE", "")
    if not text or (condition and condition.strip() != etag):
        return None
    return parse_range(text, length)


def _matches(condition: str, etag: str) -> bool:
    tags = {tag.strip().removeprefix("W/") for tag in condition.split(",")}
    return etag in tags or "*" in tags
