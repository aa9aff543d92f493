"""R24: whatever a site makes of a client's file name, the finished file lies below its folder."""

from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage

from tusbridge.models import AbstractUpload, Upload
from tusbridge.policy import Actor
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import UploadService

pytestmark = pytest.mark.django_db(transaction=True)

CONTENT = b"helloworld"
HOSTILE = {
    "parent": "../evil",
    "parents-in-the-middle": "a/../../../evil",
    "absolute": "/tmp/evil",
    "backslashes": "..\\..\\evil",
    "only-dots": "..",
    "a-folder": "evil/",
    "nothing": "",
    "nothing-valid": "///",
    "nul": "a\x00b",
    "newline": "a\nb",
    "too-long-for-a-file": "x" * 300,
    "too-long-for-the-column": "/".join(["y" * 100] * 4),
    "long-ending": "a." + "z" * 255,
    "wide-characters": "\u4e2d" * 200,
    "lone-surrogate": "a\ud800b",
}
HARMLESS = {
    "plain": "report.pdf",
    "folders": "2026/05/report.pdf",
    "wide-characters": "\u4e2d\u56fd.txt",
    "spaces": "a b\u202fc.txt",
    "no-ending": "README",
    "leading-dot": ".bashrc",
    "255-bytes": "x" * 251 + ".txt",
}


@pytest.fixture
def field() -> Any:
    return Upload._meta.get_field("file")


def finish(service: UploadService, filename: str) -> AbstractUpload:
    """A finished upload of a file of that name; 503 and 500 have no place in it."""
    request = CreateRequest(
        length=len(CONTENT),
        metadata="",
        filename=filename.replace("\x00", "").encode(errors="replace").decode()[:255],
        content_type="",
        has_body=False,
        content_length=0,
    )
    upload = service.create(request, Actor())
    append = AppendRequest(offset=0, content_length=len(CONTENT))
    finished = service.append(upload.upload_id, append, [[CONTENT]], Actor())
    assert finished.is_complete
    return Upload.objects.get(pk=finished.pk)  # type: ignore[no-any-return]


def check_place(upload: AbstractUpload, media: Path) -> None:
    path = Path(upload.file.path)
    assert path.is_relative_to(media)
    assert path.read_bytes() == CONTENT
    assert upload.upload_id in path.name
    assert len(upload.file.name) <= 255
    assert [p for p in media.parent.rglob("*") if p.is_file()] == [path]
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_r24_a_site_that_builds_on_the_clients_name_is_safe(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, field: Any, name: str
) -> None:
    """Django refuses such names, and no client is answered 500 for it: the file gets our own."""
    monkeypatch.setattr(field, "upload_to", lambda upload, filename: f"docs/{name}")
    check_place(finish(service, name), media)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_r24_a_field_that_names_files_by_itself_is_safe(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, field: Any, name: str
) -> None:
    """One that overrides ``generate_filename``, and with it Django's checks (CVE-2024-39330)."""
    monkeypatch.setattr(field, "generate_filename", lambda upload, filename: name)
    check_place(finish(service, name), media)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE.keys())
def test_r24_a_storage_that_names_files_by_itself_is_safe(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, field: Any, name: str
) -> None:
    monkeypatch.setattr(FileSystemStorage, "generate_filename", lambda self, filename: name)
    monkeypatch.setattr(field, "upload_to", lambda upload, filename: "docs/x")
    check_place(finish(service, name), media)


@pytest.mark.parametrize("name", HARMLESS.values(), ids=HARMLESS.keys())
def test_r24_a_harmless_name_is_taken(
    service: UploadService, media: Path, monkeypatch: pytest.MonkeyPatch, field: Any, name: str
) -> None:
    monkeypatch.setattr(field, "generate_filename", lambda upload, filename: f"docs/{name}")
    upload = finish(service, name)
    check_place(upload, media)
    assert upload.file.name.startswith("docs/")
    assert Path(upload.file.name).suffix == Path(name).suffix


def test_r23_by_default_the_clients_name_is_no_part_of_it(
    service: UploadService, media: Path
) -> None:
    upload = finish(service, "../../evil.php")
    assert upload.file.name == f"uploads/{upload.upload_id[:2]}/{upload.upload_id}"
    check_place(upload, media)
