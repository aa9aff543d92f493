"""Fixtures of the contract's tests, and the marker of the original's faults."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.conf import settings as django_settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path

from tests.legacy.contract.pages import Page


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "fault(why): the original fails here, ours must not")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A fault is expected of the original, and if it is not there, then that is news."""
    if not django_settings.IS_ORIGINAL:
        return
    for item in items:
        for fault in item.iter_markers("fault"):
            item.add_marker(pytest.mark.xfail(reason=fault.args[0], strict=True))


@pytest.fixture(autouse=True)
def _place() -> None:
    Path(django_settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("one")


@pytest.fixture
def stranger(db: None) -> User:
    return User.objects.create_user("two")


@pytest.fixture
def client(user: User) -> Client:
    """A browser in which ``user`` is logged in."""
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def page(client: Client) -> Page:
    return Page(client)


@pytest.fixture
def serve(settings: Any) -> Callable[..., None]:
    """Put views at /upload/ and /complete/, and both below /rooms/<room>/."""

    def serve(upload: Any = ChunkedUploadView, complete: Any = ChunkedUploadCompleteView) -> None:
        views = {"upload": upload, "complete": complete}
        routes = [path("admin/", admin.site.urls)]
        for name, view in views.items():
            view = view.as_view() if isinstance(view, type) else view
            routes += [path(f"{name}/", view), path(f"rooms/<int:room>/{name}/", view)]
        settings.ROOT_URLCONF = tuple(routes)

    return serve
