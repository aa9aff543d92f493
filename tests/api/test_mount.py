"""``mount``: the URLs with and without the slash at their end, in any server and site."""

import sys
from types import ModuleType
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.urls import clear_url_caches, include, path, reverse

from tests.legacy.form_client import BOUNDARY, form_of
from tusbridge.urls import mount

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
CREATE = {"Tus-Resumable": "1.0.0", "Upload-Length": "5"}


@pytest.fixture(autouse=True)
def _site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the README has it, with the middleware that redirects."""
    settings.MIDDLEWARE = ["django.middleware.common.CommonMiddleware", *settings.MIDDLEWARE]


@pytest.fixture
def mounted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def set_up(*patterns: Any) -> None:
        site: Any = ModuleType("mounted_urls")
        site.urlpatterns = [*patterns, path("legacy/", include("legacy.urls"))]
        monkeypatch.setitem(sys.modules, "mounted_urls", site)
        settings.ROOT_URLCONF = "mounted_urls"
        clear_url_caches()

    return set_up


@pytest.mark.parametrize("route", ["files/", "files", "a/b/"])
@pytest.mark.parametrize("slash", ["/", ""])
def test_an_upload_is_created_with_the_slash_and_without(
    client: Client, mounted: Any, route: str, slash: str
) -> None:
    mounted(*mount(route))
    base = f"/{route.rstrip('/')}"
    created = client.generic("POST", f"{base}{slash}", headers=CREATE)
    assert created.status_code == 201, created
    assert created["Location"].startswith(f"{base}/")
    assert client.head(created["Location"], headers=CREATE)["Upload-Offset"] == "0"
    assert client.options(f"{base}{slash}")["Tus-Version"] == "1.0.0"
    assert reverse("tusbridge:uploads") == f"{base}/"
    assert reverse("tusbridge:upload", args=["x"]) == f"{base}/x"
    assert [found for found in run_checks() if "urls" in str(found.id)] == []


def test_at_the_root_there_is_no_slash_to_leave_out(client: Client, mounted: Any) -> None:
    mounted(*mount(""))
    assert client.generic("POST", "/", headers=CREATE).status_code == 201


@pytest.mark.parametrize("slash", ["/", ""])
def test_chunks_of_forms_are_taken_with_the_slash_and_without(
    client: Client, mounted: Any, slash: str
) -> None:
    mounted()
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    chunk = client.generic("POST", f"/legacy/upload{slash}", form_of({}, b"hello"), kind)
    assert chunk.status_code == 200, chunk
    wanted = {"upload_id": chunk.json()["upload_id"], "md5": "5d41402abc4b2a76b9719d911017c592"}
    assert client.post(f"/legacy/complete{slash}", wanted).status_code == 200


def test_pages_with_chunks_of_forms_may_send_what_upload_widgets_add(
    client: Client, tusbridge_settings: Any
) -> None:
    """Dropzone and FineUploader send Cache-Control and X-Requested-With as they come."""
    tusbridge_settings(CORS_ORIGINS=["https://app.example/"], CORS_EXPOSE_HEADERS=["X-Mine"])
    asked = client.options("/legacy/upload/", headers={"Origin": "https://app.example"})
    allowed = asked["Access-Control-Allow-Headers"].lower().split(",")
    for name in ("cache-control", "x-requested-with", "content-range", "sentry-trace", "x-upsert"):
        assert name in allowed
    assert "upload-offset" not in allowed
    assert {"Range", "Retry-After", "X-Mine"} <= set(
        asked["Access-Control-Expose-Headers"].split(",")
    )
    assert asked["Access-Control-Allow-Methods"] == "OPTIONS,POST"
