"""tus through Django's own client: who may what, and what the settings change."""

import base64
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.support.servers import ROOT
from tusbridge import leases, rows
from tusbridge.errors import DatabaseUnavailable
from tusbridge.models import Upload
from tusbridge.service import UploadService

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

TUS = {"HTTP_TUS_RESUMABLE": "1.0.0"}
BYTES = "application/offset+octet-stream"


def create(client: Client, **fields: str) -> Any:
    return client.generic("POST", "/files/", HTTP_UPLOAD_LENGTH="10", **TUS, **fields)


def patch(client: Client, url: str, body: bytes, offset: int = 0) -> Any:
    return client.patch(url, body, content_type=BYTES, HTTP_UPLOAD_OFFSET=str(offset), **TUS)


def every_verb(client: Client, url: str) -> dict[str, int]:
    return {
        "HEAD": client.head(url, **TUS).status_code,
        "PATCH": patch(client, url, b"x").status_code,
        "GET": client.get(url).status_code,
        "DELETE": client.delete(url, **TUS).status_code,
    }


class TestAccess:
    @pytest.fixture(autouse=True)
    def defaults(self, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(ALLOW_ANONYMOUS=False)

    def login(self, name: str) -> Client:
        client = Client()
        client.force_login(get_user_model().objects.create(username=name))
        return client

    def test_R40_nobody_is_401_everywhere(self) -> None:  # noqa: N802
        url = create(self.login("one"))["Location"]
        assert create(Client()).status_code == 401
        assert set(every_verb(Client(), url).values()) == {401}
        assert Upload.objects.count() == 1

    def test_R40_others_uploads_are_404_and_stay_as_they_are(self) -> None:  # noqa: N802
        one = self.login("one")
        url = create(one)["Location"]
        assert set(every_verb(self.login("two"), url).values()) == {404}
        assert one.head(url, **TUS)["Upload-Offset"] == "0"

    def test_the_owner_may_do_everything(self) -> None:
        one = self.login("one")
        url = create(one)["Location"]
        assert patch(one, url, b"helloworld").status_code == 204
        assert b"".join(one.get(url).streaming_content) == b"helloworld"
        assert one.delete(url, **TUS).status_code == 204
        assert one.head(url, **TUS).status_code == 404

    def test_a_preflight_needs_no_login(self) -> None:
        assert Client().options("/files/").status_code == 200


class TestSettings:
    def test_location_is_a_path_unless_asked_otherwise(
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        assert create(client)["Location"].startswith("/files/")
        tusbridge_settings(ABSOLUTE_LOCATION=True)
        assert create(client)["Location"].startswith("http://testserver/files/")

    @pytest.mark.parametrize("status", [404, 410])
    def test_what_an_expired_upload_answers(
        self, client: Client, tusbridge_settings: Callable[..., None], status: int
    ) -> None:
        tusbridge_settings(EXPIRED_STATUS=status)
        url = create(client)["Location"]
        Upload.objects.update(expires_at="2020-01-01T00:00:00Z")
        assert set(every_verb(client, url).values()) == {status}

    def test_never_expiring_uploads_tell_no_expiry(
        self, client: Client, tusbridge_settings: Callable[..., None]
    ) -> None:
        tusbridge_settings(EXPIRE_AFTER=None)
        assert "Upload-Expires" not in create(client)

    def test_names_are_read_from_what_clients_send(self, client: Client) -> None:
        name = base64.b64encode("häuser.png".encode()).decode()
        kind = base64.b64encode(b"image/png").decode()
        create(client, HTTP_UPLOAD_METADATA=f"name {name},type {kind}")
        upload = Upload.objects.get()
        assert (upload.filename, upload.content_type) == ("häuser.png", "image/png")


class TestHosts:
    """R31: a name that is not the site's is refused before anything is made."""

    @pytest.fixture(autouse=True)
    def one_name(self, settings: Any, tusbridge_settings: Callable[..., None]) -> None:
        settings.ALLOWED_HOSTS = ["uploads.example"]
        tusbridge_settings(ABSOLUTE_LOCATION=True)

    @pytest.mark.parametrize(
        "host",
        ["evil.example", "uploads.example.evil.example", "a b", "", "[::1", "x@uploads.example"],
    )
    def test_r31_others_are_a_400_for_every_request(self, client: Client, host: str) -> None:
        url = create(client, HTTP_HOST="uploads.example")["Location"].removeprefix("http://")
        path = url.removeprefix("uploads.example")
        refused = create(client, HTTP_HOST=host)
        assert refused.status_code == 400
        assert refused["Tus-Resumable"] == "1.0.0"
        assert Upload.objects.count() == 1
        final = {"HTTP_UPLOAD_CONCAT": f"final;{path}", "HTTP_HOST": host}
        assert client.generic("POST", "/files/", **TUS, **final).status_code == 400
        assert client.head(path, HTTP_HOST=host, **TUS).status_code == 400
        assert client.options("/files/", HTTP_HOST=host).status_code == 400

    def test_r31_its_own_is_in_the_location(self, client: Client) -> None:
        location = create(client, HTTP_HOST="uploads.example:8000")["Location"]
        assert location.startswith("http://uploads.example:8000/files/")

    def test_r31_a_proxys_word_counts_where_the_site_says_so(
        self, client: Client, settings: Any
    ) -> None:
        told = {"HTTP_HOST": "uploads.example", "HTTP_X_FORWARDED_HOST": "evil.example"}
        assert create(client, **told)["Location"].startswith("http://uploads.example/")
        settings.USE_X_FORWARDED_HOST = True
        assert create(client, **told).status_code == 400
        settings.ALLOWED_HOSTS = ["evil.example"]
        assert create(client, **told)["Location"].startswith("http://evil.example/")


class TestBodiesWithoutALength:
    """On a server that does not say where they end: 411, and nothing of it stays."""

    CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_TYPE": BYTES}

    def test_row_040_an_append_lets_the_lease_go(self, client: Client) -> None:
        url = create(client)["Location"]
        fields = {"HTTP_UPLOAD_OFFSET": "0", **TUS, **self.CHUNKED}
        assert client.generic("PATCH", url, **fields).status_code == 411
        assert Upload.objects.get().lease_token is None
        assert patch(client, url, b"helloworld").status_code == 204

    def test_row_080_a_creation_leaves_no_upload(self, client: Client) -> None:
        assert create(client, **self.CHUNKED).status_code == 411
        assert not Upload.objects.exists()


class TestFaults:
    @pytest.fixture(autouse=True)
    def origins(self, tusbridge_settings: Callable[..., None]) -> None:
        tusbridge_settings(CORS_ORIGINS=["http://page.example"])

    def away(self, *args: object, **kwargs: object) -> Any:
        raise DatabaseUnavailable

    def test_R12_without_a_database_head_is_423_and_the_rest_503(  # noqa: N802
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = create(client)["Location"]
        monkeypatch.setattr("tusbridge.service.get_row", self.away)
        assert every_verb(client, url) == {"HEAD": 423, "PATCH": 503, "GET": 503, "DELETE": 503}
        response = client.head(url, **TUS, HTTP_ORIGIN="http://page.example")
        assert response["Retry-After"] == "2"
        assert "Upload-Offset" not in response
        assert response["Access-Control-Allow-Origin"] == "http://page.example"

    def test_R12_a_creation_without_a_database_is_503(  # noqa: N802
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Upload, "save", self.away)
        response = create(client)
        assert (response.status_code, response["Retry-After"]) == (503, "2")
        assert "Location" not in response

    def test_a_mistake_of_ours_can_be_read_by_pages_and_keeps_the_url(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        url = create(client)["Location"]

        def fail(*args: object, **kwargs: object) -> Any:
            raise ZeroDivisionError

        monkeypatch.setattr(UploadService, "find", fail)
        assert every_verb(client, url) == {"HEAD": 423, "PATCH": 500, "GET": 500, "DELETE": 500}
        response = client.get(url, HTTP_ORIGIN="http://page.example")
        assert response["Tus-Resumable"] == "1.0.0"
        assert response["Access-Control-Allow-Origin"] == "http://page.example"
        assert b"Zero" not in response.content
        assert "ZeroDivisionError" in caplog.text

    def test_a_busy_upload_is_423_in_the_end(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = create(client)["Location"]
        monkeypatch.setattr("tusbridge.api.tus.BUSY_PATIENCE_SECONDS", 0.2)
        upload = Upload.objects.get()
        assert leases.acquire(Upload, upload.pk, offset=0, token="x" * 32, ttl=60)
        response = patch(client, url, b"hello")
        assert (response.status_code, response["Retry-After"]) == (423, "1")
        assert response.content.startswith(b"upload-busy: ")


@pytest.mark.parametrize(
    ("content_type", "offset"), [(BYTES, "0"), (f"{BYTES}; x=y", "0"), ("", None), ("a/b", None)]
)
def test_row_084_a_creation_is_told_the_offset_if_it_says_that_it_brings_bytes(
    client: Client, content_type: str, offset: str | None
) -> None:
    """nginx passes an empty chunked body on as no body at all when it came with the head."""
    fields = {"HTTP_UPLOAD_DEFER_LENGTH": "1", **TUS}
    answer = client.generic("POST", "/files/", CONTENT_TYPE=content_type, **fields)
    assert (answer.status_code, answer.get("Upload-Offset")) == (201, offset)


def test_a_row_is_read_once_per_head(client: Client, django_assert_num_queries: Any) -> None:
    url = create(client)["Location"]
    rows._compile.cache_clear()
    with django_assert_num_queries(1):
        client.head(url, **TUS)


def test_a_site_may_bring_its_own_model(tmp_path: Path) -> None:
    """In a process of its own, for a model cannot be swapped later."""
    app = tmp_path / "mysite"
    app.mkdir()
    (app / "__init__.py").write_text("")
    (app / "models.py").write_text(
        "from django.db import models\n"
        "from tusbridge.models import AbstractUpload\n"
        "class Video(AbstractUpload):\n"
        "    title = models.CharField(max_length=50, default='untitled')\n"
    )
    script = f"""
import django
from django.conf import settings
settings.configure(
    SECRET_KEY="x", ALLOWED_HOSTS=["*"], USE_TZ=True, MEDIA_ROOT={str(tmp_path / "media")!r},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "tusbridge", "mysite"],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3",
                             "NAME": {str(tmp_path / "db.sqlite3")!r}}}}},
    ROOT_URLCONF="tests.urls", TUSBRIDGE={{"ALLOW_ANONYMOUS": True}},
    TUSBRIDGE_UPLOAD_MODEL="mysite.Video",
)
django.setup()
from django.core.management import call_command
from django.db import connection
from django.test import Client
call_command("migrate", run_syncdb=True, verbosity=0)
tables = connection.introspection.table_names()
assert "mysite_video" in tables and "tusbridge_upload" not in tables, tables
from tests.api.test_tus import create, patch
from mysite.models import Video
client = Client()
url = create(client)["Location"]
assert patch(client, url, b"helloworld").status_code == 204
assert Video.objects.get().title == "untitled"
assert b"".join(client.get(url).streaming_content) == b"helloworld"
connection.close()
print("brought")
"""
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""},
        check=False,
        timeout=60,
    )
    assert ran.stdout.strip() == "brought", ran.stderr[-3000:]
