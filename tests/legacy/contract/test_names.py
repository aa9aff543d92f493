"""Section 5: what sites import; section 3.4: constants and the answer's class."""

import importlib
import inspect
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from chunked_upload.constants import CHUNKED_UPLOAD_CHOICES, COMPLETE, UPLOADING, http_status
from chunked_upload.exceptions import ChunkedUploadError
from chunked_upload.response import Response
from chunked_upload.views import ChunkedUploadCompleteView, ChunkedUploadView
from django.apps import apps
from django.core.management import get_commands
from django.http import HttpResponse

NAMES = [
    ("views", "ChunkedUploadBaseView"),
    ("views", "ChunkedUploadView"),
    ("views", "ChunkedUploadCompleteView"),
    ("views", "is_authenticated"),
    ("models", "ChunkedUpload"),
    ("models", "AbstractChunkedUpload"),
    ("models", "generate_upload_id"),
    ("exceptions", "ChunkedUploadError"),
    ("constants", "http_status"),
    ("constants", "UPLOADING"),
    ("constants", "COMPLETE"),
    ("constants", "CHUNKED_UPLOAD_CHOICES"),
    ("response", "Response"),
    ("settings", "MAX_BYTES"),
    ("settings", "EXPIRATION_DELTA"),
    ("settings", "UPLOAD_PATH"),
    ("settings", "UPLOAD_TO"),
    ("settings", "default_upload_to"),
    ("settings", "STORAGE"),
    ("settings", "ENCODER"),
    ("settings", "CONTENT_TYPE"),
    ("settings", "DEFAULT_EXPIRATION_DELTA"),
    ("settings", "DEFAULT_UPLOAD_PATH"),
    ("settings", "DEFAULT_ENCODER"),
    ("settings", "DEFAULT_CONTENT_TYPE"),
    ("settings", "DEFAULT_MAX_BYTES"),
    ("settings", "DEFAULT_MODEL_USER_FIELD_NULL"),
    ("settings", "DEFAULT_MODEL_USER_FIELD_BLANK"),
    ("admin", "ChunkedUploadAdmin"),
    ("management.commands.delete_expired_uploads", "Command"),
]
SIGNATURES = {
    "check_permissions": ["self", "request"],
    "get_queryset": ["self", "request"],
    "validate": ["self", "request"],
    "pre_save": ["self", "chunked_upload", "request", "new"],
    "save": ["self", "chunked_upload", "request", "new"],
    "post_save": ["self", "chunked_upload", "request", "new"],
    "_save": ["self", "chunked_upload"],
    "get_response_data": ["self", "chunked_upload", "request"],
    "post": ["self", "request", "args", "kwargs"],
    "_post": ["self", "request", "args", "kwargs"],
    "is_valid_chunked_upload": ["self", "chunked_upload"],
    "get_extra_attrs": ["self", "request"],
    "get_max_bytes": ["self", "request"],
    "create_chunked_upload": ["self", "save", "attrs"],
    "md5_check": ["self", "chunked_upload", "md5"],
    "on_completion": ["self", "uploaded_file", "request"],
}


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[".".join(pair) for pair in NAMES])
def test_5_name_is_there(module: str, name: str) -> None:
    found = importlib.import_module(f"chunked_upload.{module}")
    assert hasattr(found, name)


@pytest.mark.parametrize("module", sorted({module for module, _ in NAMES}))
def test_5_a_name_is_of_one_module(module: str) -> None:
    """Two copies of a module would be two ChunkedUploadErrors, of which one is not caught."""
    first = importlib.import_module(f"chunked_upload.{module}")
    parent, _, last = f"chunked_upload.{module}".rpartition(".")
    assert getattr(importlib.import_module(parent), last) is first


def test_5_the_package_is_the_app() -> None:
    import chunked_upload

    config = apps.get_app_config("chunked_upload")
    assert config.label == "chunked_upload"
    assert config.module is chunked_upload
    assert get_commands()["delete_expired_uploads"] in ("chunked_upload", config.name)


@pytest.mark.parametrize("hook", SIGNATURES)
def test_3_1_signature(hook: str) -> None:
    views = [ChunkedUploadView, ChunkedUploadCompleteView]
    found = [getattr(view, hook) for view in views if hasattr(view, hook)]
    assert found
    for function in found:
        assert list(inspect.signature(function).parameters) == SIGNATURES[hook]


def test_3_4_constants() -> None:
    assert (UPLOADING, COMPLETE) == (1, 2)
    assert [(key, str(label)) for key, label in CHUNKED_UPLOAD_CHOICES] == [
        (1, "Uploading"),
        (2, "Complete"),
    ]
    assert isinstance(http_status, type)
    assert (http_status.HTTP_200_OK, http_status.HTTP_400_BAD_REQUEST) == (200, 400)
    assert (http_status.HTTP_403_FORBIDDEN, http_status.HTTP_410_GONE) == (403, 410)


def test_5_exception() -> None:
    error = ChunkedUploadError(status=http_status.HTTP_410_GONE, detail="Gone", more=[1])
    assert (error.status_code, error.data) == (410, {"detail": "Gone", "more": [1]})


def test_5_response() -> None:
    answer = Response({"when": datetime(2026, 11, 23, 10, 39, 30, 844999, UTC)}, status=410)
    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, answer["Content-Type"]) == (410, "application/json")
    assert json.loads(answer.content) == {"when": "2026-11-23T10:39:30.844Z"}
    assert Response({}).status_code == 200


@pytest.mark.parametrize("values", [{}, {"reason": "Own"}], ids=["plain", "reason"])
def test_5_response_takes_what_django_takes(values: dict[str, Any]) -> None:
    answer = Response({"a": 1}, status=400, **values)
    assert answer.reason_phrase == values.get("reason", "Bad Request")
