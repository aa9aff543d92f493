"""tus 1.0.0 over django-ninja: parse, ask the service, render.

ninja routes and documents. It reads no body, and parses no protocol field: its integers take
``+5`` and ``5.0``, and its errors are not the protocol's.
"""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.utils.encoding import escape_uri_path
from ninja import NinjaAPI, Router

from tusbridge import __version__
from tusbridge.api import documentation as doc
from tusbridge.api.downloads import download as download_response
from tusbridge.api.feeding import Feeding, check_wanted, feed, is_at_hand
from tusbridge.api.frame import Fields, error_response, respond
from tusbridge.api.wsgi_input import has_trailers
from tusbridge.body import BodyEnd
from tusbridge.conf import get_options
from tusbridge.errors import UploadError
from tusbridge.models import AbstractUpload
from tusbridge.protocol import rules, tus
from tusbridge.protocol.tus import UploadFacts
from tusbridge.service import BUSY_PATIENCE_SECONDS, UploadService

router = Router(tags=["tus 1.0.0"])


@router.api_operation(["POST"], "", openapi_extra=doc.CREATE, summary="Create an upload")
def create(request: HttpRequest) -> Any:
    """Begin an upload, with its first bytes or all of them if you like."""
    service = UploadService()
    actor = service.policy.identify(request)
    fields = _known_fields(request, service)
    takes_bytes = tus.is_announced("creation-with-upload", service.options.EXTENSIONS)
    wanted = tus.parse_create(fields, has_trailers=_has_trailers(request), takes_bytes=takes_bytes)
    check_wanted(request)
    if wanted.concat == rules.FINAL:
        part_ids = [tus.parse_upload_url(url) for url in wanted.parts]
        return _created(request, service.concatenate(wanted, part_ids, actor), with_offset=False)
    if not wanted.has_body:
        is_told = takes_bytes and (wanted.length == 0 or tus.names_bytes(fields))
        return _created(request, service.create(wanted, actor), with_offset=is_told)
    appending = service.begin_create(wanted, actor, at_hand=is_at_hand(request))
    if actor.user_id is not None:
        appending.judge = partial(service.policy.recheck, request, actor)
    return feed(
        request,
        Feeding(
            request,
            appending,
            on_end=lambda how: _created(
                request, service.end_create(appending, how), with_offset=True
            ),
            on_error=lambda error: service.drop_create(appending),
        ),
    )


@router.api_operation(["OPTIONS"], "", openapi_extra=doc.OPTIONS, summary="What the server offers")
def options(request: HttpRequest) -> Any:
    """Answered for every URL alike, also to a browser's preflight."""
    raise AssertionError("the frame answers OPTIONS")


@router.api_operation(["HEAD"], "{upload_id}", openapi_extra=doc.HEAD, summary="Ask how far it is")
def head(request: HttpRequest, upload_id: str) -> Any:
    """The offset to go on from. 423 means: ask again soon, and keep the URL."""
    service = UploadService()
    upload = service.head(upload_id, service.policy.identify(request))
    response = respond(tus.render_head(_facts(upload)))
    response["Content-Length"] = str(_length_of_download(service, upload))
    return response


def _length_of_download(service: UploadService, upload: AbstractUpload) -> int:
    """Bytes that a GET would be answered with: a HEAD may name no other number, and middleware adds
    a 0 where it names none (RFC 9110, 8.6)."""
    try:
        service.check_readable(upload)
    except UploadError as error:
        return len(tus.render_error(error, "GET").body.encode())
    return upload.offset


@router.api_operation(["PATCH"], "{upload_id}", openapi_extra=doc.APPEND, summary="Append bytes")
def append(request: HttpRequest, upload_id: str) -> Any:
    """Add bytes at the offset. What came of a request that breaks off is kept."""
    service = UploadService()
    actor = service.policy.identify(request)
    upload = service.find_to_append(upload_id, actor)
    # every answer to a PATCH tells it, refusals too (tus 1.0.0, Upload-Expires)
    request.tusbridge_expires_at = _facts(upload).expires_at  # type: ignore[attr-defined]
    wanted = tus.parse_append(_known_fields(request, service), has_trailers=_has_trailers(request))
    check_wanted(request)
    wait = getattr(request, "tusbridge_wait", BUSY_PATIENCE_SECONDS)
    appending = service.begin_append(upload, wanted, actor, wait=wait, at_hand=is_at_hand(request))
    if appending is None:
        return respond(tus.render_appended(_facts(upload)))
    if actor.user_id is not None:
        appending.judge = partial(service.policy.check_going_on, request, actor, upload)

    def on_end(how: BodyEnd) -> Any:
        appending.end(how)
        return respond(tus.render_appended(_facts(appending.upload)))

    return feed(request, Feeding(request, appending, on_end=on_end, on_error=lambda error: None))


@router.api_operation(["GET"], "{upload_id}", openapi_extra=doc.DOWNLOAD, summary="Download")
def download(request: HttpRequest, upload_id: str) -> Any:
    """The bytes of a finished upload, or a range of them."""
    service = UploadService()
    upload = service.read(upload_id, service.policy.identify(request))
    return download_response(request, service, upload)


@router.api_operation(["DELETE"], "{upload_id}", openapi_extra=doc.TERMINATE, summary="Terminate")
def terminate(request: HttpRequest, upload_id: str) -> Any:
    """End the upload and free its bytes, also while a request appends to it."""
    service = UploadService()
    actor = service.policy.identify(request)
    upload = service.find(upload_id, actor, service.policy.check_terminate)
    check_wanted(request)
    service.terminate(upload)
    return respond(tus.render_terminated())


def _created(request: HttpRequest, upload: AbstractUpload, *, with_offset: bool) -> Any:
    # under ASGI, request.path lacks a prefix that a proxy took away (FORCE_SCRIPT_NAME)
    prefix = request.META.get("SCRIPT_NAME", "").rstrip("/")
    path = f"{escape_uri_path(f'{prefix}{request.path_info}'.rstrip('/'))}/{upload.upload_id}"
    location = _absolute(request, path, UploadService().options.ABSOLUTE_LOCATION)
    return respond(tus.render_created(_facts(upload), location, with_offset=with_offset))


def _absolute(request: HttpRequest, path: str, base: bool | str) -> str:
    if isinstance(base, str):
        return f"{base}{path}"
    return request.build_absolute_uri(path) if base else path


def _known_fields(request: HttpRequest, service: UploadService) -> Fields:
    """The request's fields without those of extensions that are not announced."""
    unknown = tus.unknown_fields(request.method or "", service.options.EXTENSIONS)
    return Fields(request.META, unknown)


def _has_trailers(request: HttpRequest) -> bool:
    is_known = tus.is_announced(tus.TRAILER_EXTENSION, get_options().EXTENSIONS)
    return is_known and has_trailers(getattr(request, "environ", None))


def _tells_expiry(upload: AbstractUpload) -> bool:
    is_known = tus.is_announced("expiration", get_options().EXTENSIONS)
    return is_known and not upload.is_finished


def _facts(upload: AbstractUpload) -> UploadFacts:
    return UploadFacts(
        offset=None if upload.is_waiting else upload.offset,
        length=upload.length,
        metadata=upload.metadata,
        expires_at=upload.expires_at if _tells_expiry(upload) else None,
        concat=(upload.parts or {}).get("field", "") if upload.part_ids else upload.concat,
    )


api = NinjaAPI(
    title="tusbridge",
    version=__version__,
    description=doc.DESCRIPTION,
    urls_namespace="tusbridge-tus",
    # documented by tusbridge.api.pages
    openapi_url=None,
)
api.add_router("", router)


@api.exception_handler(UploadError)
def _on_error(request: HttpRequest, error: Any) -> HttpResponseBase:
    return error_response(request, error)
