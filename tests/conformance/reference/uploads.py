"""What is stored, whose it is, and how long it stays."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from threading import RLock
from uuid import uuid4

from tests.conformance.http_server import Answer, Body, Request

OFFSET_TYPE = "application/offset+octet-stream"
NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
LARGEST = 2**63 - 1
UPLOAD_PATH = re.compile(r"/files/([0-9a-f]{32})")


class Refused(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int, **fields: str) -> None:
        super().__init__(status)
        self.status = status
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}


@dataclass(slots=True, kw_only=True, eq=False)
class Upload:
    """An upload; a final has parts and no bytes of its own. `writer` is the body that may append,
    while there is one.
    """

    owner: str
    length: int | None = None
    metadata: str | None = None
    concat: str | None = None
    data: bytearray = field(default_factory=bytearray)
    parts: list[Upload] = field(default_factory=list)
    expires_at: float = 0.0
    writer: Body | None = None
    is_gone: bool = False

    @property
    def is_final(self) -> bool:
        return bool(self.parts)

    @property
    def is_complete(self) -> bool:
        if self.is_final:
            return all(part.is_complete for part in self.parts)
        return len(self.data) == self.length


class Uploads:
    """All uploads of one server."""

    max_size = 4_000_000
    life_seconds = 3600.0

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self.lock = RLock()

    def number(self, text: str | None) -> int:
        if text is None or not NUMBER.fullmatch(text) or int(text) > LARGEST:
            raise Refused(400)
        return int(text)

    def is_offset_type(self, request: Request) -> bool:
        kind = request.fields.get("Content-Type") or ""
        return kind.partition(";")[0].strip().lower() == OFFSET_TYPE

    def owner_of(self, request: Request) -> str:
        return request.fields.get("Authorization") or ""

    def is_owner(self, upload: Upload, owner: str) -> bool:
        return upload.owner == owner

    def find(self, path: str, owner: str) -> Upload:
        named = UPLOAD_PATH.fullmatch(path.partition("?")[0])
        upload = self.uploads.get(named[1]) if named else None
        if upload is None or self.is_expired(upload) or not self.is_owner(upload, owner):
            raise Refused(404)
        return upload

    def keep(self, upload: Upload, request: Request) -> str:
        """The Location of what is now there."""
        key = uuid4().hex
        self.prolong(upload)
        self.uploads[key] = upload
        return f"/files/{key}"

    def terminate(self, upload: Upload, request: Request) -> Answer:
        with self.lock:
            upload.is_gone = True
            self.uploads = {key: each for key, each in self.uploads.items() if each is not upload}
        return Answer(status=204)

    def prolong(self, upload: Upload) -> None:
        upload.expires_at = time.time() + self.life_seconds

    def is_expired(self, upload: Upload) -> bool:
        return not upload.is_complete and time.time() > upload.expires_at

    def expiry_of(self, upload: Upload) -> dict[str, str]:
        """The field that tells it, where there is one."""
        if upload.is_complete:
            return {}
        return {"Upload-Expires": formatdate(upload.expires_at, usegmt=True)}
