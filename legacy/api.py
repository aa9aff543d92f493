"""The contract over django-ninja, for the site's upload model, judged by the site's policy.

ninja routes and documents; what is done is the views' (``views``), with nothing to subclass.
"""

import logging
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Router

from legacy import documentation as doc
from legacy import exchange, views
from legacy.view_base import error_response
from tusbridge import __version__
from tusbridge.api.cors import Contract, add_cors_fields
from tusbridge.api.frame import never_atomic
from tusbridge.conf import get_options
from tusbridge.errors import UploadError, UploadNotFound
from tusbridge.models import AbstractUpload, Status, owner_of
from tusbridge.policy import Actor, Policy
from tusbridge.service import UploadService

logger = logging.getLogger("tusbridge")

View = Callable[..., HttpResponseBase]

router = Router(tags=["django-chunked-upload"])

_CONTRACT = Contract(
    methods=("OPTIONS", "POST"),
    request=("Content-Disposition", "Content-Range"),
    response=("Range",),
)


class _Judged:
    """Whose requests these are, and what they may do, is the policy's to say."""

    _actor: Actor
    _policy: Policy

    def check_permissions(self, request: HttpRequest) -> None:
        self._policy = UploadService().policy
        self._actor = self._policy.identify(request)

    def _check_going_on(self, request: HttpRequest) -> None:
        self._policy.recheck(request, self._actor)

    def _owner(self, request: HttpRequest) -> dict[str, Any]:
        return owner_of(self.model, self._actor.user_id)  # type: ignore[attr-defined]

    def _find(self, request: HttpRequest, upload_id: str) -> AbstractUpload:
        if not exchange.may_exist(upload_id):
            raise UploadNotFound
        rows = self.model._base_manager.exclude(status=Status.TERMINATED)  # type: ignore[attr-defined]
        found: AbstractUpload | None = rows.filter(upload_id=upload_id).first()
        if found is None:
            raise UploadNotFound
        self._policy.check_append(self._actor, found)
        return found

    def _error_response(self, error: UploadError) -> HttpResponseBase:
        """The router answers."""
        raise error


class _UploadView(_Judged, views.ChunkedUploadView):
    """Takes chunks."""


class _CompleteView(_Judged, views.ChunkedUploadCompleteView):
    """Completes an upload; there is nothing else to do."""

    def _confirm(self, request: HttpRequest, upload: Any) -> Mapping[str, Any]:
        return self.get_response_data(upload, request)


_upload = _UploadView.as_view()
_complete = _CompleteView.as_view()


@router.api_operation(["POST"], "upload/", openapi_extra=doc.UPLOAD, summary="Upload a chunk")
def _upload_operation(request: HttpRequest) -> Any:
    """The first chunk without `upload_id`, the others with it, each at the offset that the answer
    to the one before told."""
    return _upload(request)


@router.api_operation(["POST"], "complete/", openapi_extra=doc.COMPLETE, summary="Complete")
def _complete_operation(request: HttpRequest) -> Any:
    """Compares the md5 of what came, and moves the file where finished files go."""
    return _complete(request)


api = NinjaAPI(
    title="tusbridge: chunked uploads",
    version=__version__,
    description=doc.DESCRIPTION,
    urls_namespace="tusbridge-legacy",
    # documented by tusbridge.api.pages
    openapi_url=None,
)
api.add_router("", router)


@api.exception_handler(UploadError)
def _on_error(request: HttpRequest, error: Any) -> HttpResponseBase:
    return error_response(error)


def _framed(view: View) -> View:
    """The view with the methods that it has, and the fields that pages of other origins need."""

    @wraps(view)
    def wrapped(request: HttpRequest) -> HttpResponseBase:
        if request.method == "POST":
            response = view(request)
        else:
            response = HttpResponse(status=200 if request.method == "OPTIONS" else 405)
            response["Allow"] = "POST, OPTIONS"
        add_cors_fields(request, response, get_options(), _CONTRACT)
        response["X-Content-Type-Options"] = "nosniff"
        return response

    marked: Any = never_atomic(csrf_exempt(login_not_required(wrapped)))
    marked.tusbridge_reads_body = True
    return marked  # type: ignore[no-any-return]


_views: dict[Any, Any] = {
    pattern.name: pattern.callback for pattern in api.urls[0] if isinstance(pattern, URLPattern)
}
upload = _framed(_views["_upload_operation"])
complete = _framed(_views["_complete_operation"])
