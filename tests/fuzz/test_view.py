"""R21: whatever fields come to the view, past all that HTTP servers refuse, nothing is a 500.

The site is one that makes it hard: absolute URLs from the host that a proxy says, and finished
files named as clients name them.
"""

import base64
import os
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.hostile import (
    CHECKSUMS,
    CODINGS,
    FIELDS,
    LISTS,
    METADATA,
    NUMBERS,
    OVERRIDES,
    RANGES,
    TEXTS,
    TYPES,
    placeholder,
)
from tests.fuzz.requests import OFFSET_TYPE
from tusbridge.models import Upload

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

EXAMPLES = int(os.environ.get("TUSBRIDGE_FUZZ", "0")) // 2 or 250
PLACEHOLDER = placeholder("upload", 0).decode()
ALLOWED_5XX = {503, 507}

any_text = st.text(st.characters(max_codepoint=255), max_size=60)


def one_of(values: tuple[bytes, ...]) -> st.SearchStrategy[str]:
    """One of these, as servers hand bytes over, or anything at all."""
    return st.sampled_from([value.decode("latin-1") for value in values]) | any_text


VALUES = {
    "Upload-Length": one_of((*NUMBERS, b"5", b"10")),
    "Upload-Offset": one_of((*NUMBERS, b"0", b"5")),
    "Upload-Defer-Length": one_of((*NUMBERS, b"1")),
    "Upload-Metadata": one_of(METADATA),
    "Upload-Concat": one_of((*LISTS, b"final;/files/" + placeholder("upload", 0))),
    "Upload-Checksum": one_of(CHECKSUMS),
    "Content-Length": one_of(NUMBERS),
    "Transfer-Encoding": one_of(CODINGS),
    "Content-Type": one_of((*TYPES, OFFSET_TYPE, OFFSET_TYPE)),
    "X-HTTP-Method-Override": one_of(OVERRIDES),
    "Range": one_of(RANGES),
    "Host": one_of((b"testserver", b"a b", b"[::1", b"", b"evil.example:99999", *TEXTS)),
    "X-Forwarded-Host": one_of((b"testserver", b"a b", b"[::1", *TEXTS)),
}
names = st.sampled_from([*VALUES, *VALUES, *(name.decode() for name in FIELDS)])
fields = st.lists(
    names.flatmap(lambda name: st.tuples(st.just(name), VALUES.get(name, one_of(TEXTS)))),
    max_size=3,
).map(dict)
ONE = f"/files/{PLACEHOLDER}"
NAMED = {"Upload-Metadata": "filename " + base64.b64encode(b"../../x\r\n/" + bytes(9)).decode()}
# What is right, before fields are changed in it.
RIGHT: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("POST", "/files/", {"Upload-Length": "5"}),
    ("POST", "/files/", {"Upload-Length": "5", **NAMED}),
    ("POST", "/files/", {"Upload-Length": "0", **NAMED}),
    ("POST", "/files/", {"Upload-Defer-Length": "1"}),
    ("POST", "/files/", {"Upload-Concat": "partial", "Upload-Length": "5"}),
    ("POST", "/files/", {"Upload-Concat": f"final;{ONE} {ONE}", **NAMED}),
    ("PATCH", ONE, {"Upload-Offset": "0"}),
    ("PATCH", ONE, {"Upload-Offset": "0", "Upload-Length": "5"}),
    ("HEAD", ONE, {}),
    ("GET", ONE, {"Range": "bytes=0-"}),
    ("DELETE", ONE, {}),
    ("OPTIONS", "/files/", {}),
)
methods = st.none() | st.sampled_from(["POST", "PATCH", "HEAD", "GET", "DELETE", "PUT", "FOO"])
paths = st.none() | st.none() | any_text.map(lambda text: f"/files/{text}")


@pytest.fixture
def hard_site(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = ["testserver", ".example"]
    settings.TUSBRIDGE = {**settings.TUSBRIDGE, "ABSOLUTE_LOCATION": True}
    monkeypatch.setattr(
        Upload._meta.get_field("file"), "upload_to", lambda upload, name: f"docs/{upload.filename}"
    )


def meta_of(sent: dict[str, str], upload_id: str) -> dict[str, Any]:
    """The fields where WSGI servers put them."""
    meta: dict[str, Any] = {"HTTP_TUS_RESUMABLE": "1.0.0"}
    for name, value in sent.items():
        key = name.upper().replace("-", "_")
        prefix = "" if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else "HTTP_"
        meta[prefix + key] = value.replace(PLACEHOLDER, upload_id)
    return meta


@pytest.mark.usefixtures("hard_site")
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.sampled_from(RIGHT), methods, paths, fields, st.sampled_from([b"", b"hello", b"x" * 300]))
def test_r21_no_request_is_a_500(
    right: tuple[str, str, dict[str, str]],
    method: str | None,
    path: str | None,
    changed: dict[str, str],
    body: bytes,
) -> None:
    client = Client(raise_request_exception=False)
    latest = Upload.objects.order_by("-pk").first()
    upload_id = latest.upload_id if latest else "0" * 32
    meta = meta_of(right[2] | changed, upload_id)
    content_type = meta.pop("CONTENT_TYPE", OFFSET_TYPE.decode())
    target = (right[1] if path is None else path).replace(PLACEHOLDER, upload_id)
    response = client.generic(method or right[0], target, body, content_type, **meta)
    assert response.status_code < 500 or response.status_code in ALLOWED_5XX
    content = b"".join(response.streaming_content) if response.streaming else response.content
    assert len(content) < 10_000
