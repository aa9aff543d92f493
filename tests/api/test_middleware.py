"""Middleware and settings that sites have: what they may do to uploads, and what they do not.

What is found harmful here is a system check, what is not needs none.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.api.test_tus import BYTES, TUS, create, patch
from tusbridge.service import UploadService

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

CONTENT = b"0123456789" * 500


@pytest.fixture
def install(settings: Any) -> Callable[..., Client]:
    """Put middleware of Django's around what there is; a client that goes through it."""

    def add(*before: str, after: tuple[str, ...] = ()) -> Client:
        names = [*(f"django.middleware.{name}" for name in before), *settings.MIDDLEWARE]
        settings.MIDDLEWARE = [*names, *(f"django.middleware.{name}" for name in after)]
        return Client()

    return add


def upload(client: Client) -> str:
    """The URL of a finished upload of CONTENT."""
    response = client.generic(
        "POST",
        "/files/",
        CONTENT,
        content_type=BYTES,
        HTTP_UPLOAD_LENGTH=str(len(CONTENT)),
        **TUS,
    )
    assert (response.status_code, response["Upload-Offset"]) == (201, str(len(CONTENT)))
    return str(response["Location"])


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


class TestGzip:
    """The reasons of tusbridge.W010."""

    def test_it_takes_length_and_continuation_from_downloads(
        self, client: Client, install: Any
    ) -> None:
        url = upload(client)
        etag = client.get(url)["ETag"]
        client = install("gzip.GZipMiddleware")
        response = client.get(url, HTTP_ACCEPT_ENCODING="gzip")
        assert "Content-Length" not in response
        assert response["ETag"] == f"W/{etag}"
        again = {"HTTP_RANGE": "bytes=100-", "HTTP_IF_RANGE": response["ETag"]}
        assert client.get(url, **again).status_code == 200

    def test_it_gives_other_bytes_than_the_range_says(self, client: Client, install: Any) -> None:
        url = upload(client)
        client = install("gzip.GZipMiddleware")
        response = client.get(url, HTTP_ACCEPT_ENCODING="gzip", HTTP_RANGE="bytes=0-999")
        assert response["Content-Range"] == f"bytes 0-999/{len(CONTENT)}"
        assert len(body(response)) != 1000

    def test_uploads_it_leaves_alone(self, client: Client, install: Any) -> None:
        client = install("gzip.GZipMiddleware")
        url = create(client, HTTP_ACCEPT_ENCODING="gzip")["Location"]
        assert client.head(url, **TUS, HTTP_ACCEPT_ENCODING="gzip")["Upload-Offset"] == "0"


class TestHarmless:
    def test_conditional_get_changes_no_download(self, client: Client, install: Any) -> None:
        url = upload(client)
        plain = client.get(url)
        client = install("http.ConditionalGetMiddleware")
        whole, part = client.get(url), client.get(url, HTTP_RANGE="bytes=5-9")
        assert (whole["ETag"], body(whole)) == (plain["ETag"], CONTENT)
        assert (part.status_code, body(part)) == (206, CONTENT[5:10])
        assert client.get(url, HTTP_IF_NONE_MATCH=plain["ETag"]).status_code == 304
        assert client.get(url, HTTP_IF_NONE_MATCH='"x"').status_code == 200

    def test_a_cache_of_the_whole_site_tells_no_old_offset(
        self, client: Client, install: Any
    ) -> None:
        client = install("cache.UpdateCacheMiddleware", after=("cache.FetchFromCacheMiddleware",))
        url = create(client)["Location"]
        assert client.head(url, **TUS)["Upload-Offset"] == "0"
        patch(client, url, b"hello")
        assert client.head(url, **TUS)["Upload-Offset"] == "5"
        patch(client, url, b"world", 5)
        assert body(client.get(url)) == b"helloworld"
        client.delete(url, **TUS)
        assert client.head(url, **TUS).status_code == 404
        assert client.get(url).status_code == 404

    def test_a_head_is_private_too(self, client: Client) -> None:
        """Early releases of Django 5.2 cache whatever is not, "no-store" or not."""
        response = client.head(create(client)["Location"], **TUS)
        assert response["Cache-Control"] == "no-store, private"

    def test_the_limit_of_forms_is_none_of_uploads(self, client: Client, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 9
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 9
        assert upload(client)
        url = create(client)["Location"]
        assert patch(client, url, b"helloworld").status_code == 204

    def test_slashes_are_left_to_the_mount_point(self, client: Client, install: Any) -> None:
        client = install("common.CommonMiddleware")
        url = upload(client)
        assert body(client.get(url)) == CONTENT
        assert client.get(f"{url}/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_no_request_holds_a_transaction(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ATOMIC_REQUESTS is fine with uploads, and no check speaks of it."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    seen: list[bool] = []
    find = UploadService.find

    def look(self: UploadService, *args: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return find(self, *args)

    monkeypatch.setattr(UploadService, "find", look)
    url = create(client)["Location"]
    patch(client, url, b"helloworld")
    client.head(url, **TUS)
    assert body(client.get(url)) == b"helloworld"
    client.delete(url, **TUS)
    assert seen == [False] * 4
