"""A tus 1.0.0 server in memory that is right about deferred lengths, checksums and concatenation.

The checks are tried on it, and on it with one fault at a time: each rule is a method of its own, so
that a fault is a subclass that overrides one. It is no model for a real server: it keeps every byte
in memory and lets two PATCHes of one upload run into each other.
"""

from __future__ import annotations

import binascii
import hashlib
import re
import zlib
from base64 import b64decode
from dataclasses import dataclass, field
from email.message import Message
from threading import RLock
from urllib.parse import urlsplit
from uuid import uuid4

from tests.conformance.http_server import Answer, Body, Request

OFFSET_TYPE = "application/offset+octet-stream"
NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
UPLOAD_PATH = re.compile(r"/files/([0-9a-f]{32})")
EXPIRES = "Wed, 01 Jan 2110 00:00:00 GMT"


class Refused(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int, **fields: str) -> None:
        super().__init__(status)
        self.status = status
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}


@dataclass(slots=True, kw_only=True, eq=False)
class Upload:
    """An upload; a final has parts and no bytes of its own."""

    owner: str
    length: int | None = None
    metadata: str | None = None
    concat: str | None = None
    data: bytearray = field(default_factory=bytearray)
    parts: list[Upload] = field(default_factory=list)

    @property
    def is_final(self) -> bool:
        return bool(self.parts)

    @property
    def is_complete(self) -> bool:
        if self.is_final:
            return all(part.is_complete for part in self.parts)
        return len(self.data) == self.length


class Reference:
    """One server's uploads; `answer` is the whole of it."""

    extensions: tuple[str, ...] = (
        "creation",
        "creation-with-upload",
        "creation-defer-length",
        "expiration",
        "termination",
        "checksum",
        "checksum-trailer",
        "concatenation",
        "concatenation-unfinished",
    )
    algorithms = "sha1,md5,sha256,crc32"
    max_size = 4_000_000

    def __init__(self) -> None:
        self.uploads: dict[str, Upload] = {}
        self.lock = RLock()

    # what is asked

    def answer(self, request: Request) -> Answer:
        method = self.method_of(request)
        try:
            answer = self.route(method, request)
        except Refused as refused:
            kind = {"Content-Type": "text/plain"}
            fields = {**kind, **refused.fields, **self.fields_of_refusal(method, request)}
            answer = Answer(status=refused.status, fields=fields, body=b"refused")
        answer.fields["Tus-Resumable"] = "1.0.0"
        if method == "HEAD":
            answer.fields["Cache-Control"] = "no-store"
        return answer

    def method_of(self, request: Request) -> str:
        return (request.fields.get("X-HTTP-Method-Override") or request.method).upper()

    def route(self, method: str, request: Request) -> Answer:
        if method == "OPTIONS":
            return self.options(request)
        if method not in ("POST", "HEAD", "PATCH", "GET", "DELETE"):
            raise Refused(405, Allow="OPTIONS,POST,HEAD,PATCH,GET,DELETE")
        if request.fields.get("Tus-Resumable") != "1.0.0":
            raise Refused(412, Tus_Version="1.0.0")
        if request.path.rstrip("/") == "/files" and method == "POST":
            return self.create(request)
        upload = self.find(request.path, self.owner_of(request))
        actions = {
            "HEAD": self.head,
            "PATCH": self.append,
            "GET": self.download,
            "DELETE": self.terminate,
        }
        if method not in actions:
            raise Refused(405, Allow="OPTIONS,HEAD,PATCH,GET,DELETE")
        return actions[method](upload, request)

    def owner_of(self, request: Request) -> str:
        return request.fields.get("Authorization") or ""

    def find(self, path: str, owner: str) -> Upload:
        named = UPLOAD_PATH.fullmatch(path)
        upload = self.uploads.get(named[1]) if named else None
        if upload is None or not self.is_owner(upload, owner):
            raise Refused(404)
        return upload

    def is_owner(self, upload: Upload, owner: str) -> bool:
        return upload.owner == owner

    def number(self, text: str | None) -> int:
        if text is None or not NUMBER.fullmatch(text):
            raise Refused(400)
        return int(text)

    def options(self, request: Request) -> Answer:
        fields = {"Tus-Version": "1.0.0", "Tus-Extension": ",".join(self.extensions)}
        fields["Tus-Max-Size"] = str(self.max_size)
        if "checksum" in self.extensions:
            fields["Tus-Checksum-Algorithm"] = self.algorithms
        return Answer(status=200, fields=fields)

    def fields_of_refusal(self, method: str, request: Request) -> dict[str, str]:
        return {"Upload-Expires": EXPIRES} if method == "PATCH" else {}

    # creation

    def create(self, request: Request) -> Answer:
        concat = request.fields.get("Upload-Concat")
        if concat is not None and concat.startswith("final;"):
            return self.create_final(concat, request)
        self.judge_concat(concat)
        upload = Upload(
            owner=self.owner_of(request),
            length=self.length_of_creation(request.fields),
            metadata=request.fields.get("Upload-Metadata"),
            concat=concat,
        )
        fields = {"Upload-Expires": EXPIRES}
        if request.fields.get("Content-Type") == OFFSET_TYPE:
            self.store_first(upload, request)
            fields["Upload-Offset"] = str(len(upload.data))
        elif request.body.length or request.body.is_chunked:
            raise Refused(415)
        return Answer(status=201, fields={"Location": self.keep(upload, request), **fields})

    def judge_concat(self, concat: str | None) -> None:
        if concat not in (None, "partial"):
            raise Refused(400)

    def length_of_creation(self, fields: Message) -> int | None:
        deferral, length = fields.get("Upload-Defer-Length"), fields.get("Upload-Length")
        self.judge_deferral(deferral, length)
        if length is None:
            return None
        value = self.number(length)
        if value > self.max_size:
            raise Refused(413)
        return value

    def judge_deferral(self, deferral: str | None, length: str | None) -> None:
        if deferral not in (None, "1") or (deferral is None) == (length is None):
            raise Refused(400)

    def store_first(self, upload: Upload, request: Request) -> None:
        self.store(upload, request, upload.length)

    def keep(self, upload: Upload, request: Request) -> str:
        """The Location of what is now there."""
        key = uuid4().hex
        self.uploads[key] = upload
        return f"/files/{key}"

    # appending

    def append(self, upload: Upload, request: Request) -> Answer:
        self.judge_final(upload, request)
        if request.fields.get("Content-Type") != OFFSET_TYPE:
            raise Refused(415)
        if self.number(request.fields.get("Upload-Offset")) != len(upload.data):
            raise Refused(409, Upload_Offset=str(len(upload.data)))
        length = self.length_of_append(upload, request.fields.get("Upload-Length"))
        self.store(upload, request, length)
        fields = {} if upload.is_complete else {"Upload-Expires": EXPIRES}
        return Answer(status=204, fields={"Upload-Offset": str(len(upload.data)), **fields})

    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_final:
            raise Refused(403)

    def length_of_append(self, upload: Upload, told: str | None) -> int | None:
        if told is None:
            return upload.length
        length = self.number(told)
        if upload.length is not None:
            self.judge_other_length(upload, length)
        else:
            self.judge_late_length(upload, length)
        return length

    def judge_other_length(self, upload: Upload, length: int) -> None:
        if length != upload.length:
            raise Refused(400)

    def judge_late_length(self, upload: Upload, length: int) -> None:
        if length < len(upload.data):
            raise Refused(400)
        if length > self.max_size:
            raise Refused(413)

    def store(self, upload: Upload, request: Request, length: int | None) -> None:
        """Takes the body; nothing of it before its checksum agrees, when there is one."""
        body = request.body
        room = self.room(upload, length)
        if body.length is not None and body.length > room:
            raise Refused(413)
        early = request.fields.get("Upload-Checksum")
        checksum = None if early is None else self.parse_checksum(early)
        held = self.receive(upload, body, room, is_checked=self.is_checked(request))
        if not body.whole:
            self.break_off(upload, held)
        if checksum is None and self.is_promised(request):
            checksum = self.parse_checksum(self.trailer_of(body))
        if checksum is not None:
            self.verify(upload, held, *checksum)
        upload.data += held
        self.set_length(upload, length)

    def room(self, upload: Upload, length: int | None) -> int:
        return (self.max_size if length is None else length) - len(upload.data)

    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        """What came and is not stored yet."""
        held = bytearray()
        before = len(upload.data)
        for piece in body:
            if len(upload.data) - before + len(held) + len(piece) > room:
                raise Refused(413)
            if is_checked:
                held += piece
            else:
                upload.data += piece
        return bytes(held)

    def break_off(self, upload: Upload, held: bytes) -> None:
        raise Refused(400)

    def set_length(self, upload: Upload, length: int | None) -> None:
        upload.length = length

    # checksums

    def is_checked(self, request: Request) -> bool:
        return "Upload-Checksum" in request.fields or self.is_promised(request)

    def is_promised(self, request: Request) -> bool:
        return "upload-checksum" in (request.fields.get("Trailer") or "").lower()

    def trailer_of(self, body: Body) -> str:
        return body.trailers.get("upload-checksum", "")

    def parse_checksum(self, value: str) -> tuple[str, bytes]:
        """Raises `Refused` for what is no checksum that can be made here."""
        name, _, text = value.partition(" ")
        if name not in self.algorithms.split(",") or not text:
            raise Refused(400)
        try:
            return name, b64decode(text, validate=True)
        except binascii.Error:
            raise Refused(400) from None

    def verify(self, upload: Upload, held: bytes, name: str, wanted: bytes) -> None:
        if self.digest(upload, held, name) != wanted:
            raise Refused(460)

    def digest(self, upload: Upload, held: bytes, name: str) -> bytes:
        if name == "crc32":
            return zlib.crc32(held).to_bytes(4, "big")
        return hashlib.new(name, held).digest()

    # concatenation

    def create_final(self, concat: str, request: Request) -> Answer:
        self.judge_final_creation(request)
        metadata = request.fields.get("Upload-Metadata")
        parts = self.parts_of(concat, request)
        self.judge_unfinished(parts)
        self.judge_sum(parts)
        final = Upload(owner=self.owner_of(request), metadata=metadata, concat=concat, parts=parts)
        with self.lock:
            location = self.same_final(final) or self.keep(final, request)
        return Answer(status=201, fields={"Location": location})

    def judge_final_creation(self, request: Request) -> None:
        if "Upload-Length" in request.fields:
            raise Refused(400)
        if any(request.body):
            raise Refused(403)

    def parts_of(self, concat: str, request: Request) -> list[Upload]:
        urls = concat.removeprefix("final;").split()
        if not urls:
            raise Refused(400)
        return [self.part(url, request) for url in urls]

    def part(self, url: str, request: Request) -> Upload:
        self.judge_host(url, request)
        part = self.find(urlsplit(url).path, self.owner_of(request))
        self.judge_source(part)
        return part

    def judge_host(self, url: str, request: Request) -> None:
        host = urlsplit(url).netloc
        if host and host != request.fields.get("Host"):
            raise Refused(400)

    def judge_source(self, part: Upload) -> None:
        if part.concat != "partial":
            raise Refused(400)

    def judge_unfinished(self, parts: list[Upload]) -> None:
        allowed = "concatenation-unfinished" in self.extensions
        if not allowed and not all(part.is_complete for part in parts):
            raise Refused(400)

    def judge_sum(self, parts: list[Upload]) -> None:
        if sum(part.length or 0 for part in parts) > self.max_size:
            raise Refused(413)

    def same_final(self, final: Upload) -> str | None:
        """The Location of one made before from the same list."""
        for key, other in self.uploads.items():
            if self.is_same(other, final):
                return f"/files/{key}"
        return None

    def is_same(self, one: Upload, other: Upload) -> bool:
        names = ("owner", "concat", "metadata", "parts")
        return all(getattr(one, name) == getattr(other, name) for name in names)

    def length_of(self, upload: Upload) -> int | None:
        if not upload.is_final:
            return upload.length
        lengths = [part.length for part in upload.parts]
        return None if None in lengths else sum(length or 0 for length in lengths)

    def offset_of(self, upload: Upload) -> int | None:
        if not upload.is_final:
            return len(upload.data)
        return self.length_of(upload) if upload.is_complete else None

    def content_of(self, upload: Upload) -> bytes:
        return b"".join(bytes(each.data) for each in upload.parts or [upload])

    # what is told

    def head(self, upload: Upload, request: Request) -> Answer:
        fields = {}
        length, offset = self.length_of(upload), self.offset_of(upload)
        if offset is not None:
            fields["Upload-Offset"] = str(offset)
        if length is not None:
            fields["Upload-Length"] = str(length)
        elif not upload.is_final:
            fields["Upload-Defer-Length"] = "1"
        if upload.metadata is not None:
            fields["Upload-Metadata"] = upload.metadata
        if upload.concat is not None:
            fields["Upload-Concat"] = upload.concat
        return Answer(status=200, fields=fields)

    def download(self, upload: Upload, request: Request) -> Answer:
        if not upload.is_complete:
            raise Refused(404)
        return Answer(status=200, body=self.content_of(upload))

    def terminate(self, upload: Upload, request: Request) -> Answer:
        self.uploads = {key: each for key, each in self.uploads.items() if each is not upload}
        return Answer(status=204)
