"""The two views in memory, right about every row of the contract and of its faults.

The checks are tried on it, and on it with one fault at a time: each rule is a method of its own, so
that a fault is a subclass that overrides one. It is no model for a real server.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import policy
from email.parser import BytesParser
from email.utils import format_datetime
from threading import RLock
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from tests.conformance.http_server import Answer, Request

RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.ASCII)
LONGEST_NUMBER = 4300
TOKEN = "a" * 32


class Refused(Exception):
    """The request is answered with this status and these data."""

    def __init__(self, status: int, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.data = {"detail": detail, **more}


@dataclass(slots=True, eq=False)
class Upload:
    """One upload; nobody's owner is empty."""

    owner: str
    created: datetime
    total: int
    upload_id: str = field(default_factory=lambda: uuid4().hex)
    data: bytes = b""
    offset: int = 0
    last: bytes = b""
    is_complete: bool = False
    is_confirmed: bool = False


@dataclass(slots=True)
class Form:
    """What came: fields and files in order, and the header fields that count."""

    user: str
    content_range: str | None
    query: dict[str, str]
    fields: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)

    def get(self, name: str) -> str:
        """The last one counts; a missing one is as an empty one."""
        return dict(self.fields).get(name, "")


@dataclass(slots=True)
class Span:
    start: int
    end: int
    total: int

    @property
    def size(self) -> int:
        return self.end - self.start + 1


class Reference:
    """Answers requests of `/upload/` and `/complete/`."""

    is_open = False
    max_bytes: int | None = None
    fail_if_no_header = False
    do_md5_check = True
    has_user_field = True
    accept_repeats = False
    strict_totals = False
    use_tz = True
    life = timedelta(days=1)

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self._lock = RLock()

    def answer(self, request: Request) -> Answer:
        if request.method == "OPTIONS":
            return self.options()
        if request.method != "POST":
            return self.other_method(request)
        body = self.read(request)
        try:
            if body is None:
                raise Refused(400, "the body broke off")
            return self.post(request, self.parse(request, body))
        except Refused as refused:
            return self.refuse(refused)

    def post(self, request: Request, form: Form) -> Answer:
        self.judge_token(request, form)
        if urlsplit(request.path).path == "/upload/":
            return self.upload(form)
        return self.complete(form)

    # what surrounds the views

    def options(self) -> Answer:
        return Answer(status=200, fields={"Allow": "POST, OPTIONS"})

    def other_method(self, request: Request) -> Answer:
        return Answer(status=405, fields={"Allow": "POST, OPTIONS"})

    def read(self, request: Request) -> bytes | None:
        """The whole body, None when it broke off."""
        body = b"".join(request.body)
        return body if request.body.whole else None

    def parse(self, request: Request, body: bytes) -> Form:
        form = Form(
            user=request.fields.get("X-Test-User") or "",
            content_range=request.fields.get("Content-Range"),
            query=dict(parse_qsl(urlsplit(request.path).query)),
        )
        kind = request.fields.get("Content-Type") or ""
        if kind.startswith("application/x-www-form-urlencoded"):
            form.fields = parse_qsl(body.decode(), keep_blank_values=True)
        elif kind.startswith("multipart/form-data"):
            self.parse_parts(form, kind, body)
        return form

    def parse_parts(self, form: Form, kind: str, body: bytes) -> None:
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        for part in BytesParser(policy=policy.HTTP).parsebytes(head + body).iter_parts():
            name = str(part.get_param("name", header="Content-Disposition"))
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if part.get_filename() is None:
                form.fields.append((name, content.decode()))
            elif self.is_file_name(part.get_filename() or ""):
                form.files.append((name, content))

    def is_file_name(self, name: str) -> bool:
        return name.replace("\\", "/").rpartition("/")[2] not in ("", ".", "..")

    def judge_token(self, request: Request, form: Form) -> None:
        token = request.fields.get("X-CSRFToken") or form.get("csrfmiddlewaretoken")
        if token != TOKEN:
            raise Refused(403, "CSRF")

    def refuse(self, refused: Refused) -> Answer:
        return self.render(refused.status, refused.data)

    def render(self, status: int, data: dict[str, Any], **fields: str) -> Answer:
        now = format_datetime(datetime.now(UTC), usegmt=True)
        kind = {"Content-Type": "application/json", "Date": now}
        return Answer(status=status, fields={**kind, **fields}, body=json.dumps(data).encode())

    # the upload view

    def upload(self, form: Form) -> Answer:
        self.check_permissions(form)
        chunk = self.file_of(form)
        self.validate(form)
        with self.lock():
            upload = self.find(form) if self.names_upload(form) else self.begin(form)
            if upload.upload_id in self.uploads:
                self.judge_state(upload)
            span = self.span_of(form, chunk)
            if self.is_repeat(upload, span, chunk):
                return self.progress(upload)
            self.judge(upload, span, chunk)
            self.store(upload, span, chunk, form)
            return self.progress(upload)

    def lock(self) -> AbstractContextManager[object]:
        return self._lock

    def check_permissions(self, form: Form) -> None:
        if not self.is_open and not form.user:
            raise Refused(403, "Authentication credentials were not provided")

    def file_of(self, form: Form) -> bytes:
        files = [content for name, content in form.files if name == "file"]
        if not files:
            raise Refused(400, "No chunk file was submitted")
        return files[-1]

    def validate(self, form: Form) -> None:
        if form.get("fail") == "validate":
            raise Refused(400, "not valid")

    def names_upload(self, form: Form) -> bool:
        return bool(form.get("upload_id"))

    def find(self, form: Form) -> Upload:
        upload = self.uploads.get(form.get("upload_id"))
        if upload is None or not self.may_see(form, upload):
            raise Refused(404, "Not found")
        return upload

    def may_see(self, form: Form, upload: Upload) -> bool:
        return not self.has_user_field or not form.user or upload.owner == form.user

    def begin(self, form: Form) -> Upload:
        return Upload(owner=form.user, created=datetime.now(UTC), total=-1)

    def judge_state(self, upload: Upload) -> None:
        if upload.created + self.life <= datetime.now(UTC):
            raise Refused(410, "Upload has expired")
        if upload.is_complete:
            raise Refused(400, 'Upload has already been marked as "complete"')

    def span_of(self, form: Form, chunk: bytes) -> Span:
        match = self.match(form.content_range or "")
        if match:
            return Span(*map(int, match.groups()))
        if self.fail_if_no_header:
            raise Refused(400, "Error in request headers")
        return Span(0, len(chunk) - 1, len(chunk))

    def match(self, content_range: str) -> re.Match[str] | None:
        match = RANGE.fullmatch(content_range)
        is_readable = match and all(len(number) <= LONGEST_NUMBER for number in match.groups())
        return match if is_readable else None

    def judge(self, upload: Upload, span: Span, chunk: bytes) -> None:
        self.judge_limit(upload, span, chunk)
        self.judge_offset(upload, span)
        self.judge_size(span, chunk)
        self.judge_total(upload, span)

    def judge_limit(self, upload: Upload, span: Span, chunk: bytes) -> None:
        if self.max_bytes is None:
            return
        if max(span.total, upload.offset + len(chunk)) > self.max_bytes:
            raise Refused(400, f"Size of file exceeds the limit ({self.max_bytes} bytes)")

    def judge_offset(self, upload: Upload, span: Span) -> None:
        if span.start != upload.offset:
            raise Refused(400, "Offsets do not match", offset=upload.offset)

    def judge_size(self, span: Span, chunk: bytes) -> None:
        if span.size != len(chunk):
            raise Refused(400, "File size doesn't match headers")

    def judge_total(self, upload: Upload, span: Span) -> None:
        is_other = upload.total not in (-1, span.total)
        if self.strict_totals and (is_other or span.end >= span.total):
            raise Refused(400, "the total is another")

    def is_repeat(self, upload: Upload, span: Span, chunk: bytes) -> bool:
        is_there = self.accept_repeats and bool(chunk) and span.start + len(chunk) == upload.offset
        return is_there and upload.last == chunk

    def store(self, upload: Upload, span: Span, chunk: bytes, form: Form) -> None:
        if form.get("fail") == "save":
            raise Refused(400, "not saved")
        upload.data = upload.data[: upload.offset] + chunk
        upload.offset, upload.total, upload.last = len(upload.data), span.total, chunk
        self.uploads[upload.upload_id] = upload

    def progress(self, upload: Upload) -> Answer:
        data = {
            "upload_id": upload.upload_id,
            "offset": upload.offset,
            "expires": self.expires(upload),
        }
        return self.render(200, data, **self.range_field(upload))

    def expires(self, upload: Upload) -> str:
        text = (upload.created + self.life).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z" if self.use_tz else "")

    def range_field(self, upload: Upload) -> dict[str, str]:
        return {"Range": f"bytes=0-{upload.offset - 1}"} if upload.offset else {}

    # the complete view

    def complete(self, form: Form) -> Answer:
        self.check_permissions(form)
        self.judge_fields(form)
        with self.lock():
            upload = self.find(form)
            self.validate(form)
            return self.finish(upload, form)

    def judge_fields(self, form: Form) -> None:
        if self.do_md5_check and not (form.get("upload_id") and form.get("md5")):
            raise Refused(400, "Both 'upload_id' and 'md5' are required")
        if not form.get("upload_id"):
            raise Refused(400, "'upload_id' is required")

    def finish(self, upload: Upload, form: Form) -> Answer:
        if upload.is_confirmed and not self.accept_repeats:
            raise Refused(400, "Upload has already been marked as complete")
        self.judge_md5(upload, form)
        upload.is_complete = True
        self.on_completion(form)
        upload.is_confirmed = True
        return self.render(200, self.data_of_completion(upload))

    def judge_md5(self, upload: Upload, form: Form) -> None:
        if self.do_md5_check and hashlib.md5(upload.data).hexdigest() != form.get("md5"):
            raise Refused(400, "md5 checksum does not match")

    def on_completion(self, form: Form) -> None:
        if form.get("fail") == "refuse":
            raise Refused(400, "not taken")

    def data_of_completion(self, upload: Upload) -> dict[str, Any]:
        return {}
