"""What a page with jQuery-File-Upload and its script sends, and views that note their calls."""

import hashlib
import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chunked_upload.models import ChunkedUpload
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client

UPLOAD_HOOKS = (
    "check_permissions",
    "validate",
    "get_queryset",
    "is_valid_chunked_upload",
    "get_extra_attrs",
    "create_chunked_upload",
    "get_max_bytes",
    "pre_save",
    "save",
    "post_save",
    "get_response_data",
)
COMPLETE_HOOKS = (
    "check_permissions",
    "get_queryset",
    "validate",
    "is_valid_chunked_upload",
    "md5_check",
    "pre_save",
    "save",
    "post_save",
    "on_completion",
    "get_response_data",
)


def md5(content: bytes) -> str:
    """As the page works it out."""
    return hashlib.md5(content).hexdigest()


@dataclass
class Page:
    """Sends chunks, and then the md5."""

    client: Client
    upload_url: str = "/upload/"
    complete_url: str = "/complete/"
    field_name: str = "file"
    headers: dict[str, str] = field(default_factory=dict)

    def chunk(
        self,
        content: bytes,
        *,
        start: int = 0,
        total: int | None = None,
        upload_id: str | None = None,
        name: str = "film.mp4",
        **fields: str,
    ) -> HttpResponse:
        """One chunk with its Content-Range; the total is its end unless given."""
        end = start + len(content)
        header = f"bytes {start}-{end - 1}/{end if total is None else total}"
        return self.whole(
            content, upload_id=upload_id, name=name, headers={"Content-Range": header}, **fields
        )

    def whole(
        self,
        content: bytes,
        *,
        upload_id: str | None = None,
        name: str = "film.mp4",
        headers: dict[str, str] | None = None,
        **fields: str,
    ) -> HttpResponse:
        """A part without a Content-Range, as for files below the chunk size."""
        form: dict[str, Any] = dict(fields)
        if upload_id is not None:
            form["upload_id"] = upload_id
        form[self.field_name] = SimpleUploadedFile(name, content)
        return self.client.post(self.upload_url, form, headers=self.headers | (headers or {}))

    def start(self, content: bytes, **how: Any) -> str:
        """The id of a new upload with these bytes, more of them to come."""
        answer = self.chunk(content, **{"total": len(content) + 1, **how})
        assert answer.status_code == 200, answer.content
        upload_id: str = answer.json()["upload_id"]
        return upload_id

    def complete(self, upload_id: str, content: bytes | None = None, **fields: str) -> HttpResponse:
        """The POST at the end, with the md5 of ``content`` if there is one."""
        form = {"upload_id": upload_id, **fields}
        if content is not None:
            form["md5"] = md5(content)
        return self.client.post(self.complete_url, form, headers=self.headers)


@dataclass
class Call:
    """One call of a hook: its arguments by name, and what the row was like then."""

    hook: str
    arguments: dict[str, Any]
    view: Any
    row: dict[str, Any]
    stored: dict[str, Any] | None


def recording(view: type, hooks: tuple[str, ...]) -> tuple[type, list[Call]]:
    """A subclass whose hooks note their calls before they do what they did, and the notes."""
    calls: list[Call] = []

    def noting(name: str) -> Any:
        signature = inspect.signature(getattr(view, name))

        def hook(self: Any, *args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            arguments = {key: value for key, value in bound.arguments.items() if key != "self"}
            calls.append(Call(name, arguments, self, *_rows(arguments.get("chunked_upload"))))
            return getattr(super(noted, self), name)(*args, **kwargs)

        return hook

    noted = type(f"Noted{view.__name__}", (view,), {name: noting(name) for name in hooks})
    return noted, calls


def _rows(upload: Model | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    names = ("id", "offset", "status", "filename")
    if upload is None:
        return {}, None
    stored = type(upload)._default_manager.filter(pk=upload.pk).values(*names).first()
    return {name: getattr(upload, name) for name in names}, stored


def content_of(upload_id: str) -> bytes:
    """What is in the file of a row."""
    upload = ChunkedUpload.objects.get(upload_id=upload_id)
    with upload.file.open("rb") as file:
        content: bytes = file.read()
    return content


def stored_files() -> set[Path]:
    """All files below the site's folder, finished and unfinished."""
    return {path for path in Path(settings.MEDIA_ROOT).parent.rglob("*") if path.is_file()}
