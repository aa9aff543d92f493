"""Section 3.1: what sites put around the views: log-in, CSRF, transactions, REST framework."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from chunked_upload.constants import COMPLETE, UPLOADING
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.test import Client
from django.urls import path
from django.utils.decorators import decorator_from_middleware, method_decorator
from django.views.decorators.csrf import (
    csrf_exempt,
    csrf_protect,
    ensure_csrf_cookie,
    requires_csrf_token,
)
from rest_framework.decorators import action
from rest_framework.response import Response as RestResponse
from rest_framework.routers import SimpleRouter
from rest_framework.test import APIClient
from rest_framework.viewsets import ViewSet

from tests.legacy.contract.pages import Page, md5
from tests.legacy.contract.site.models import Document

Serve = Callable[..., None]


class GuardedUpload(LoginRequiredMixin, ChunkedUploadView):
    """302 in place of 403."""


class GuardedComplete(LoginRequiredMixin, ChunkedUploadCompleteView):
    """The same."""


@pytest.mark.django_db
@pytest.mark.parametrize(
    "views",
    [
        (GuardedUpload, GuardedComplete),
        (
            login_required(ChunkedUploadView.as_view()),
            login_required(ChunkedUploadCompleteView.as_view()),
        ),
    ],
    ids=["LoginRequiredMixin", "login_required"],
)
def test_3_1_log_in_is_required_by_django(serve: Serve, page: Page, views: Any) -> None:
    serve(*views)
    nobody = Page(Client())
    for answer in (nobody.whole(b"12345"), nobody.complete("unknown", b"")):
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/")
    assert page.complete(page.start(b"12345"), b"12345").status_code == 200


def test_3_1_as_view_may_be_overridden(serve: Serve, page: Page) -> None:
    class Wrapped(ChunkedUploadView):
        @classmethod
        def as_view(cls, **initkwargs: Any) -> Any:
            return login_required(super().as_view(**initkwargs))

    serve(Wrapped)
    assert Page(Client()).whole(b"12345").status_code == 302
    assert page.whole(b"12345").status_code == 200


def test_3_1_as_view_takes_attributes(serve: Serve, page: Page) -> None:
    serve(
        ChunkedUploadView.as_view(field_name="the_file", max_bytes=8),
        ChunkedUploadCompleteView.as_view(do_md5_check=False),
    )
    page.field_name = "the_file"
    assert page.chunk(b"12345", total=9).status_code == 400
    assert page.complete(page.start(b"12345")).status_code == 200


def test_3_1_dispatch_may_be_overridden(serve: Serve, page: Page) -> None:
    class Dispatching(ChunkedUploadView):
        def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            if "stop" in request.GET:
                return HttpResponse(status=451)
            return super().dispatch(request, *args, **kwargs)

    serve(Dispatching)
    assert page.whole(b"12345").status_code == 200
    page.upload_url = "/upload/?stop"
    assert page.whole(b"12345").status_code == 451


# CSRF


@pytest.fixture
def strict(user: User) -> Page:
    """A browser whose requests have to bring the token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return Page(client)


@pytest.fixture
def token(strict: Page, serve: Serve, settings: Any) -> str:
    """A token, its cookie in the browser, as a page with {% csrf_token %} gives them."""
    serve()
    settings.ROOT_URLCONF = (
        path("page/", ensure_csrf_cookie(lambda request: HttpResponse(get_token(request)))),
        *settings.ROOT_URLCONF,
    )
    return strict.client.get("/page/").content.decode()


@method_decorator(csrf_exempt, name="dispatch")
class ExemptUpload(ChunkedUploadView):
    """For clients with tokens of their own."""


@method_decorator(csrf_exempt, name="dispatch")
class ExemptComplete(ChunkedUploadCompleteView):
    """The same."""


@pytest.mark.parametrize(
    "views",
    [
        (ExemptUpload, ExemptComplete),
        (
            csrf_exempt(ChunkedUploadView.as_view()),
            csrf_exempt(ChunkedUploadCompleteView.as_view()),
        ),
    ],
    ids=["method_decorator", "as_view"],
)
def test_3_1_csrf_exempt(serve: Serve, strict: Page, views: Any) -> None:
    serve(*views)
    upload_id = strict.start(b"12345")
    assert strict.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert strict.complete(upload_id, b"1234567").status_code == 200


@pytest.mark.parametrize("wrong", [None, "x" * 32, "x" * 64], ids=["absent", "short", "long"])
def test_3_1_csrf_is_enforced(token: str, strict: Page, wrong: str | None) -> None:
    fields = {} if wrong is None else {"csrfmiddlewaretoken": wrong}
    assert strict.whole(b"12345", **fields).status_code == 403
    upload_id = strict.start(b"12345", csrfmiddlewaretoken=token)
    assert strict.chunk(b"67", start=5, upload_id=upload_id, **fields).status_code == 403
    assert strict.complete(upload_id, b"12345", **fields).status_code == 403
    row = ChunkedUpload.objects.get()
    assert (row.offset, row.status) == (5, UPLOADING)


def test_3_1_csrf_token_in_the_form_before_the_file(token: str, strict: Page) -> None:
    upload_id = strict.start(b"12345", csrfmiddlewaretoken=token)
    second = strict.chunk(b"67", start=5, upload_id=upload_id, csrfmiddlewaretoken=token)
    assert second.json()["offset"] == 7
    assert strict.complete(upload_id, b"1234567", csrfmiddlewaretoken=token).status_code == 200


def test_3_1_csrf_token_in_the_form_behind_the_file(token: str, strict: Page) -> None:
    first = strict.client.post(
        "/upload/",
        {"file": SimpleUploadedFile("a.bin", b"12345"), "csrfmiddlewaretoken": token},
        headers={"Content-Range": "bytes 0-4/7"},
    )
    upload_id = first.json()["upload_id"]
    second = strict.client.post(
        "/upload/",
        {
            "file": SimpleUploadedFile("a.bin", b"67"),
            "upload_id": upload_id,
            "csrfmiddlewaretoken": token,
        },
        headers={"Content-Range": "bytes 5-6/7"},
    )
    assert second.json()["offset"] == 7
    assert strict.complete(upload_id, b"1234567", csrfmiddlewaretoken=token).status_code == 200


def test_3_1_csrf_wrong_token_behind_the_file_keeps_nothing(token: str, strict: Page) -> None:
    upload_id = strict.start(b"12345", csrfmiddlewaretoken=token)
    refused = strict.client.post(
        "/upload/",
        {
            "upload_id": upload_id,
            "file": SimpleUploadedFile("a.bin", b"67"),
            "csrfmiddlewaretoken": "x" * 32,
        },
        headers={"Content-Range": "bytes 5-6/7"},
    )
    assert refused.status_code == 403
    assert ChunkedUpload.objects.get().offset == 5
    again = strict.chunk(b"89", start=5, upload_id=upload_id, csrfmiddlewaretoken=token)
    assert again.json()["offset"] == 7
    assert strict.complete(upload_id, b"1234589", csrfmiddlewaretoken=token).status_code == 200


def test_3_1_csrf_token_in_the_header(token: str, strict: Page) -> None:
    strict.headers = {"X-CSRFToken": token}
    upload_id = strict.start(b"12345")
    assert strict.chunk(b"67", start=5, upload_id=upload_id).status_code == 200
    assert strict.complete(upload_id, b"1234567").status_code == 200


def test_3_1_csrf_wrong_token_in_the_header(token: str, strict: Page) -> None:
    strict.headers = {"X-CSRFToken": "x" * 32}
    assert strict.whole(b"12345").status_code == 403
    assert not ChunkedUpload.objects.exists()


# CSRF, in sites without the middleware


class StrictCheck(CsrfViewMiddleware):
    """A site's own."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        return HttpResponse("own words", status=403)


def checked_inside(view: Any) -> Any:
    """As a decorator that forgets ``functools.wraps``."""

    def decorated(request: HttpRequest) -> Any:
        return csrf_protect(view)(request)

    return decorated


@method_decorator(csrf_protect, name="dispatch")
class ProtectedUpload(ChunkedUploadView):
    """By its class."""


@method_decorator(csrf_protect, name="post")
class ProtectedPost(ChunkedUploadView):
    """By its method."""


class DispatchingUpload(ChunkedUploadView):
    """By hand."""

    @method_decorator(csrf_protect)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)


def protect(name: str) -> Any:
    """A view that is protected in one of the ways that Django has."""
    view = ChunkedUploadView.as_view()
    ways = {
        "csrf_protect": lambda: csrf_protect(view),
        "outside-of-log-in": lambda: csrf_protect(login_required(view)),
        "inside-of-log-in": lambda: login_required(csrf_protect(view)),
        "without-wraps": lambda: checked_inside(view),
        "own-middleware": lambda: decorator_from_middleware(StrictCheck)(view),
        "around-a-cookie": lambda: csrf_protect(ensure_csrf_cookie(view)),
        "within-a-cookie": lambda: ensure_csrf_cookie(csrf_protect(view)),
        "within-a-token": lambda: requires_csrf_token(csrf_protect(view)),
        "dispatch": lambda: ProtectedUpload,
        "post": lambda: ProtectedPost,
        "own-dispatch": lambda: DispatchingUpload,
        "subclass": lambda: csrf_protect(type("Own", (ChunkedUploadView,), {}).as_view()),
    }
    return ways[name]()


@pytest.fixture
def bare(settings: Any) -> None:
    """A site without the middleware."""
    check = "django.middleware.csrf.CsrfViewMiddleware"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != check]


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "way",
    [
        *("csrf_protect", "outside-of-log-in", "inside-of-log-in", "without-wraps"),
        *("own-middleware", "around-a-cookie", "within-a-cookie", "within-a-token"),
        *("dispatch", "post", "own-dispatch", "subclass"),
    ],
)
def test_3_1_csrf_protect_without_the_middleware(
    token: str, serve: Serve, strict: Page, settings: Any, way: str
) -> None:
    serve(protect(way))
    for wrong in ({}, {"csrfmiddlewaretoken": "x" * 32}):
        refused = strict.whole(b"12345", **wrong)
        assert refused.status_code == 403
        assert (refused.content == b"own words") == (way == "own-middleware")
    assert not ChunkedUpload.objects.exists()
    assert strict.whole(b"12345", csrfmiddlewaretoken=token).status_code == 200
    strict.headers = {"X-CSRFToken": token}
    assert strict.whole(b"12345").status_code == 200


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "view",
    [
        ChunkedUploadView,
        csrf_exempt(ChunkedUploadView.as_view()),
        csrf_protect(csrf_exempt(ChunkedUploadView.as_view())),
        csrf_exempt(csrf_protect(csrf_exempt(ChunkedUploadView.as_view()))),
        requires_csrf_token(ChunkedUploadView.as_view()),
        ensure_csrf_cookie(ChunkedUploadView.as_view()),
        login_required(ChunkedUploadView.as_view()),
    ],
    ids=["plain", "exempt", "protect-exempt", "exempt-again", "requires", "ensure", "log-in"],
)
def test_3_1_what_nothing_checks_is_not_checked(serve: Serve, strict: Page, view: Any) -> None:
    serve(view)
    assert strict.whole(b"12345").status_code == 200


# ATOMIC_REQUESTS


@pytest.fixture
def atomic(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request in a transaction, as far as its view wants one."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


@pytest.mark.usefixtures("atomic")
def test_3_1_atomic_requests(page: Page) -> None:
    upload_id = page.start(b"12345")
    assert page.chunk(b"67", start=4, upload_id=upload_id).json()["offset"] == 5
    assert page.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert page.complete(upload_id, b"other").status_code == 400
    assert page.complete(upload_id, b"1234567").status_code == 200
    assert ChunkedUpload.objects.get().status == COMPLETE


@pytest.mark.usefixtures("atomic")
def test_3_1_atomic_requests_take_back_what_a_failed_on_completion_wrote(
    serve: Serve, page: Page
) -> None:
    class Failing(ChunkedUploadCompleteView):
        def on_completion(self, uploaded_file: Any, request: Any) -> None:
            Document.objects.create(upload_id=request.POST["upload_id"])
            if request.POST.get("fail"):
                raise LookupError("the site's own")

    serve(complete=Failing)
    upload_id = page.start(b"12345")
    page.client.raise_request_exception = False
    assert page.complete(upload_id, b"12345", fail="1").status_code == 500
    assert not Document.objects.exists()
    assert page.complete(upload_id, b"12345").status_code == 200
    assert Document.objects.count() == 1
    assert ChunkedUpload.objects.get().status == COMPLETE


@pytest.mark.fault("the row goes back, the bytes do not (section 7, 2)")
@pytest.mark.usefixtures("atomic")
def test_7_2_atomic_requests_and_an_error_in_post_save(serve: Serve, page: Page) -> None:
    class Failing(ChunkedUploadView):
        def post_save(self, chunked_upload: Any, request: Any, new: bool = False) -> None:
            if request.POST.get("fail"):
                raise LookupError("the site's own")

    serve(Failing)
    page.client.raise_request_exception = False
    upload_id = page.start(b"12345")
    assert page.chunk(b"67", start=5, upload_id=upload_id, fail="1").status_code == 500
    offset = ChunkedUpload.objects.get().offset
    rest = b"123456789"[offset:]
    assert page.chunk(rest, start=offset, upload_id=upload_id).json()["offset"] == 9
    assert page.complete(upload_id, b"123456789").status_code == 200


# REST framework


class UploadViewSet(ChunkedUploadView, ViewSet):
    """As public code has it: the algorithm from here, the request from there."""

    def create(self, request: Any) -> Any:
        try:
            self.check_permissions(request)
            return self._post(request)
        except ChunkedUploadError as error:
            return RestResponse(error.data, status=error.status_code)

    def check_permissions(self, request: Any) -> None:
        ViewSet.check_permissions(self, request)


class CompleteViewSet(ChunkedUploadCompleteView, ViewSet):
    """The other half."""

    @action(detail=False, methods=["post"])
    def done(self, request: Any) -> Any:
        try:
            return self._post(request)
        except ChunkedUploadError as error:
            return RestResponse(error.data, status=error.status_code)

    def check_permissions(self, request: Any) -> None:
        ViewSet.check_permissions(self, request)


@pytest.fixture
def rest(settings: Any, user: User) -> Page:
    """A client of the viewsets, known by REST framework alone."""
    router = SimpleRouter()
    router.register("rest", UploadViewSet, basename="rest")
    router.register("rest-complete", CompleteViewSet, basename="rest-complete")
    settings.ROOT_URLCONF = tuple(router.urls)
    client = APIClient()
    client.force_authenticate(user)
    return Page(client, "/rest/", "/rest-complete/done/")


def test_3_1_viewsets_call_private_post(rest: Page, user: User) -> None:
    rest.client.default_format = "multipart"
    upload_id = rest.start(b"12345")
    assert rest.chunk(b"67", start=4, upload_id=upload_id).json() == {
        "detail": "Offsets do not match",
        "offset": 5,
    }
    assert rest.chunk(b"67", start=5, upload_id=upload_id).json()["offset"] == 7
    assert rest.complete(upload_id, b"other").status_code == 400
    assert rest.complete(upload_id, b"1234567").status_code == 200
    row = ChunkedUpload.objects.get()
    assert (row.user, row.status, row.md5) == (user, COMPLETE, md5(b"1234567"))


def test_3_1_viewsets_refuse_other_methods(rest: Page) -> None:
    answer = rest.client.get("/rest/")
    assert answer.status_code == 405
    assert re.search(r"\bPOST\b", answer["Allow"])
