"""Bytes: which are taken, and by whom. The last to begin at the right offset may write."""

from __future__ import annotations

from tests.conformance.http_server import Answer, Body, Request
from tests.conformance.reference.checksums import Checksum, Checksums
from tests.conformance.reference.uploads import Refused, Upload


class Appending(Checksums):
    def append(self, upload: Upload, request: Request) -> Answer:
        with self.lock:
            length, checksum = self.judge_append(upload, request)
            self.take_over(upload, request.body)
        try:
            offset = self.store(upload, request, length, checksum)
        finally:
            self.let_go(upload, request.body)
        self.prolong(upload)
        fields = {"Upload-Offset": str(offset), **self.expiry_of(upload)}
        return Answer(status=204, fields=fields)

    def judge_append(self, upload: Upload, request: Request) -> tuple[int | None, Checksum | None]:
        """The upload's length from now on, and the checksum told ahead of the bytes."""
        self.judge_final(upload, request)
        self.judge_type(request)
        self.judge_offset(upload, request)
        length = self.length_of_append(upload, request.fields.get("Upload-Length"))
        return length, self.judge_body(upload, request, length)

    def judge_final(self, upload: Upload, request: Request) -> None:
        if upload.is_final:
            raise Refused(403)

    def judge_type(self, request: Request) -> None:
        if not self.is_offset_type(request):
            raise Refused(415)

    def judge_offset(self, upload: Upload, request: Request) -> None:
        if self.number(request.fields.get("Upload-Offset")) != len(upload.data):
            raise Refused(409, Upload_Offset=str(len(upload.data)))

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

    def judge_body(self, upload: Upload, request: Request, length: int | None) -> Checksum | None:
        told = request.body.length
        if told is not None and told > self.room(upload, length):
            raise Refused(413)
        early = request.fields.get("Upload-Checksum")
        return None if early is None else self.parse_checksum(early)

    def room(self, upload: Upload, length: int | None) -> int:
        return (self.max_size if length is None else length) - len(upload.data)

    def take_over(self, upload: Upload, body: Body) -> None:
        upload.writer = body

    def let_go(self, upload: Upload, body: Body) -> None:
        with self.lock:
            if upload.writer is body:
                upload.writer = None

    def store(
        self, upload: Upload, request: Request, length: int | None, checksum: Checksum | None
    ) -> int:
        """The offset behind the body. Nothing of it is stored before its checksum agrees, when
        there is one.
        """
        body = request.body
        room = self.room(upload, length)
        held = self.receive(upload, body, room, is_checked=self.is_checked(request))
        if not body.whole:
            self.break_off(upload, held)
        if checksum is None and self.is_promised(request):
            checksum = self.parse_checksum(self.trailer_of(body))
        if checksum is not None:
            self.verify(upload, held, *checksum)
        with self.lock:
            self.write(upload, body, held)
            self.set_length(upload, length)
            return len(upload.data)

    def receive(self, upload: Upload, body: Body, room: int, *, is_checked: bool) -> bytes:
        """What came and is not stored yet."""
        held = bytearray()
        for piece in body:
            room -= len(piece)
            if room < 0:
                raise Refused(413)
            if is_checked:
                held += piece
            else:
                self.write(upload, body, piece)
        return bytes(held)

    def write(self, upload: Upload, body: Body, piece: bytes) -> None:
        with self.lock:
            self.judge_writer(upload, body)
            upload.data += piece

    def judge_writer(self, upload: Upload, body: Body) -> None:
        if upload.is_gone:
            raise Refused(404)
        if upload.writer is not body:
            raise Refused(423)

    def break_off(self, upload: Upload, held: bytes) -> None:
        raise Refused(400)

    def set_length(self, upload: Upload, length: int | None) -> None:
        upload.length = length
