"""Section 3.3: each setting and its effect; read while the original is imported, by ours at use."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from chunked_upload.models import ChunkedUpload
from chunked_upload.views import ChunkedUploadView
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import FileField

from tests.legacy.contract.extras import encode
from tests.legacy.contract.pages import Page, content_of

ROOT = Path(__file__).parents[3]
PROBE_SECONDS = 60
FROZEN = pytest.mark.fault("settings are frozen at import (section 7, 16)")


@cache
def facts(variation: str) -> dict[str, Any]:
    """What the probe saw with a setting."""
    env = {**os.environ, "CHUNKED_UPLOAD_VARIATION": variation, "PYTHONPATH": str(ROOT)}
    env.update(DJANGO_SETTINGS_MODULE="tests.legacy.contract.settings")
    command = [sys.executable, "-W", "ignore", "-m", "tests.legacy.contract.probe"]
    with tempfile.TemporaryDirectory() as place:
        env.update(TUSBRIDGE_TEST_DATABASE_URL="", CHUNKED_UPLOAD_PLACE=place)
        ran = subprocess.run(
            command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=PROBE_SECONDS
        )
    assert ran.returncode == 0, ran.stderr
    seen: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return seen


def test_3_3_defaults() -> None:
    seen = facts("none")
    day = time.strftime("chunked_uploads/%Y/%m/%d")
    assert seen["names"] == [f"{day}/{upload_id}.part" for upload_id in seen["ids"]]
    assert seen["ttl_seconds"] == 24 * 60 * 60
    assert seen["type"] == "application/json"
    assert set(json.loads(seen["body"])) == {"upload_id", "offset", "expires"}
    assert json.loads(seen["refused"]) == {"detail": "Offsets do not match", "offset": 0}
    assert (seen["second"], seen["complete"], seen["content"]) == (200, 200, "1234567")
    assert seen["user_null_blank"] == [True, True]
    assert seen["is_deleted"]


def test_3_3_expiration_delta() -> None:
    assert facts("expiration_delta")["ttl_seconds"] == 2 * 60 * 60
    assert facts("expiration_delta")["second"] == 200
    assert facts("expiration_past")["second"] == 410


def test_3_3_path() -> None:
    seen = facts("path")
    year = time.strftime("%Y")
    assert seen["names"] == [f"elsewhere/{year}/{upload_id}.part" for upload_id in seen["ids"]]
    assert (seen["complete"], seen["content"]) == (200, "1234567")
    assert seen["has_finished_file"]


def test_3_3_to_as_a_callable() -> None:
    seen = facts("to_callable")
    assert seen["names"] == [f"own/{upload_id}.bin" for upload_id in seen["ids"]]
    assert (seen["complete"], seen["content"]) == (200, "1234567")


@pytest.mark.fault("every file is called tmp (section 7, 15)")
def test_7_15_to_as_a_string() -> None:
    seen = facts("to_string")
    year = time.strftime("%Y")
    for name, upload_id in zip(seen["names"], seen["ids"], strict=True):
        assert name.startswith(f"fixed/{year}/")
        assert upload_id in name
    assert (seen["complete"], seen["content"]) == (200, "1234567")


@pytest.mark.parametrize("variation", ["storage_class", "storage_string"])
def test_3_3_storage_class(variation: str) -> None:
    seen = facts(variation)
    assert seen["storage"] == "OwnStorage"
    assert (seen["complete"], seen["content"]) == (200, "1234567")
    assert seen["has_finished_file"]
    assert seen["is_deleted"]


@pytest.mark.fault("append and delete need file.path (section 7, 9)")
def test_7_9_storage_class_without_path() -> None:
    seen = facts("storage_without_path")
    assert seen["storage"] == "RemoteStorage"
    assert (seen["status"], seen["second"], seen["complete"]) == (200, 200, 200)
    assert seen["content"] == "1234567"
    assert seen["has_finished_file"]
    assert seen["is_deleted"]


def test_3_3_abstract_model_off() -> None:
    assert facts("abstract_model")["complete"] == 200


def test_3_3_encoder() -> None:
    seen = facts("encoder")
    assert set(json.loads(seen["body"])["own"]) == {"upload_id", "offset", "expires"}
    assert json.loads(seen["refused"])["own"]["detail"] == "Offsets do not match"


def test_7_17_content_type() -> None:
    seen = facts("content_type")
    assert seen["type"] == "text/plain"
    assert json.loads(seen["body"])["offset"] == 5


@pytest.mark.fault("removed with 2.0.0")
def test_3_3_mimetype() -> None:
    assert facts("mimetype")["type"] == "text/plain"


def test_3_3_max_bytes() -> None:
    seen = facts("max_bytes")
    expected = {"detail": "Size of file exceeds the limit (10 bytes)"}
    assert json.loads(seen["refused"]) == expected
    assert seen["status"] == 200


def test_3_3_user_field_null_and_blank() -> None:
    seen = facts("user_not_null")
    assert seen["user_null_blank"] == [False, False]
    assert (seen["status"], seen["complete"]) == (200, 200)


def test_3_3_names_in_the_settings_module() -> None:
    from chunked_upload import settings

    assert timedelta(days=1) == settings.EXPIRATION_DELTA == settings.DEFAULT_EXPIRATION_DELTA
    assert settings.UPLOAD_PATH == settings.DEFAULT_UPLOAD_PATH == "chunked_uploads/%Y/%m/%d"
    assert settings.MAX_BYTES is settings.DEFAULT_MAX_BYTES is None
    assert settings.CONTENT_TYPE == settings.DEFAULT_CONTENT_TYPE == "application/json"
    assert settings.ENCODER({"a": 1}) == settings.DEFAULT_ENCODER({"a": 1}) == '{"a": 1}'
    assert settings.DEFAULT_MODEL_USER_FIELD_NULL is True
    assert settings.DEFAULT_MODEL_USER_FIELD_BLANK is True
    # None, or what stands for the site's default storage
    assert FileField(storage=settings.STORAGE).storage.location == default_storage.location
    # migrations that Django writes name the function, those of the package the setting
    assert settings.UPLOAD_TO is settings.default_upload_to
    upload = ChunkedUpload()
    day = time.strftime("chunked_uploads/%Y/%m/%d")
    for upload_to in (settings.UPLOAD_TO, settings.default_upload_to):
        assert upload_to(upload, "any") == f"{day}/{upload.upload_id}.part"


@pytest.mark.fault("the name went with 2.0.0")
def test_3_3_abstract_model_in_the_settings_module() -> None:
    from chunked_upload.settings import ABSTRACT_MODEL

    assert isinstance(ABSTRACT_MODEL, bool)


# read at use


@FROZEN
def test_7_16_expiration_delta(settings: Any, page: Page) -> None:
    upload_id = page.start(b"12345")
    settings.CHUNKED_UPLOAD_EXPIRATION_DELTA = timedelta(hours=2)
    row = ChunkedUpload.objects.get()
    assert row.expires_on == row.created_on + timedelta(hours=2)
    settings.CHUNKED_UPLOAD_EXPIRATION_DELTA = timedelta(seconds=-1)
    assert row.expired
    assert page.chunk(b"67", start=5, upload_id=upload_id).status_code == 410


@FROZEN
def test_7_16_path(settings: Any, page: Page) -> None:
    settings.CHUNKED_UPLOAD_PATH = "elsewhere/%Y"
    upload_id = page.start(b"12345")
    page.complete(upload_id, b"12345")
    expected = f"{time.strftime('elsewhere/%Y')}/{upload_id}.part"
    assert ChunkedUpload.objects.get().file.name == expected


@FROZEN
def test_7_16_to(settings: Any, page: Page) -> None:
    settings.CHUNKED_UPLOAD_TO = lambda instance, filename: f"own/{instance.upload_id}.bin"
    upload_id = page.start(b"12345")
    page.complete(upload_id, b"12345")
    assert ChunkedUpload.objects.get().file.name == f"own/{upload_id}.bin"


class Elsewhere(FileSystemStorage):
    """Named by a setting that changes while the site runs."""

    folder = ""

    def __init__(self) -> None:
        super().__init__(location=self.folder)


@FROZEN
def test_7_16_storage_class(
    settings: Any, page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Elsewhere, "folder", str(tmp_path / "elsewhere"))
    settings.CHUNKED_UPLOAD_STORAGE_CLASS = Elsewhere
    upload_id = page.start(b"12345")
    page.complete(upload_id, b"12345")
    path = Path(ChunkedUpload.objects.get().file.path)
    assert path.is_relative_to(tmp_path / "elsewhere")
    assert path.read_bytes() == content_of(upload_id) == b"12345"


@FROZEN
def test_7_16_encoder(settings: Any, page: Page) -> None:
    settings.CHUNKED_UPLOAD_ENCODER = encode
    assert page.whole(b"12345").json()["own"]["offset"] == 5


@FROZEN
@pytest.mark.parametrize("name", ["CONTENT_TYPE", "MIMETYPE"])
def test_7_16_content_type(settings: Any, page: Page, name: str) -> None:
    setattr(settings, f"CHUNKED_UPLOAD_{name}", "text/plain")
    assert page.whole(b"12345")["Content-Type"] == "text/plain"
    assert page.chunk(b"12345", start=3)["Content-Type"] == "text/plain"


@FROZEN
def test_7_16_max_bytes(settings: Any, page: Page, serve: Callable[..., None]) -> None:
    settings.CHUNKED_UPLOAD_MAX_BYTES = 10
    expected = {"detail": "Size of file exceeds the limit (10 bytes)"}
    assert page.chunk(b"12345", total=11).json() == expected
    settings.CHUNKED_UPLOAD_MAX_BYTES = None
    assert page.chunk(b"12345", total=11).status_code == 200


def test_3_3_max_bytes_of_the_view_comes_first(
    settings: Any, page: Page, serve: Callable[..., None]
) -> None:
    settings.CHUNKED_UPLOAD_MAX_BYTES = 10
    serve(type("Own", (ChunkedUploadView,), {"max_bytes": 20}))
    assert page.chunk(b"12345", total=20).status_code == 200
    assert page.chunk(b"12345", total=21).status_code == 400


@FROZEN
def test_7_16_the_settings_module(settings: Any) -> None:
    from chunked_upload import settings as constants

    settings.CHUNKED_UPLOAD_MAX_BYTES = 10
    settings.CHUNKED_UPLOAD_EXPIRATION_DELTA = timedelta(hours=2)
    settings.CHUNKED_UPLOAD_ENCODER = DjangoJSONEncoder(indent=1).encode
    assert constants.MAX_BYTES == 10
    assert timedelta(hours=2) == constants.EXPIRATION_DELTA
    assert "\n" in constants.ENCODER({"a": 1})
