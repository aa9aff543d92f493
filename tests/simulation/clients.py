"""Clients that obey what they are told: they ask where to go on, and go on there."""

import base64
import hashlib
import random
from typing import Any

from tests.simulation.known import Known, Ledger, text_of
from tests.simulation.site import Answer, Site
from tests.simulation.world import World
from tusbridge.body import BodyEnd
from tusbridge.errors import UploadGone, UploadNotFound
from tusbridge.models import AbstractUpload
from tusbridge.policy import Actor as User
from tusbridge.protocol.rules import AppendRequest, CreateRequest
from tusbridge.service import UploadService

NOBODY = User()
_ENDS = (BodyEnd.WHOLE,) * 8 + (BodyEnd.GONE, BodyEnd.STOPPING)


def creation(length: int | None, size: int, concat: str = "", parts: str = "") -> CreateRequest:
    """What a client asks for that begins an upload."""
    return CreateRequest(
        length=length,
        metadata="",
        filename="name.txt",
        content_type="",
        has_body=size > 0,
        content_length=size,
        concat=concat,
        concat_field=parts or concat,
    )


class Client:
    """What several kinds of clients share; each has random numbers of its own."""

    def __init__(self, world: World, site: Site, ledger: Ledger, seed: int, name: str) -> None:
        self.world, self.site, self.ledger, self.name = world, site, ledger, name
        self.seed = seed
        self.rng = random.Random(f"{name} {seed}")

    def ask(self, what: str, work: Any, **how: Any) -> Answer:
        """Have a request done."""
        return self.site.ask(f"{self.name}:{what}", work, **how)

    def wait(self, *choices: float) -> None:
        """Sleep so long, or so."""
        self.world.sleep(self.rng.choice(choices))

    # -- requests

    def head(self, known: Known, *, patience: float = 25.0) -> int | None:
        """Where to go on; None: not told."""
        before, was_gone = known.before, known.is_gone

        def work() -> AbstractUpload:
            return UploadService().head(known.upload_id, NOBODY)

        answer = self.ask("head", work, patience=patience)
        if answer.is_ok:
            self.ledger.check_lives(known, was_gone, "HEAD")
            upload: AbstractUpload = answer.value
            known.is_complete = known.is_complete or upload.is_complete
            known.learn(upload.length)
            if not upload.is_waiting:
                self.ledger.told(known, upload.offset, before, "HEAD")
            return None if upload.is_waiting else upload.offset
        if isinstance(answer.error, UploadNotFound | UploadGone):
            self.ledger.check_may_be_gone(known, "HEAD", answer.error.code)
            known.may_be_gone = True
        return None

    def create(self, known: Known) -> bool:
        """Begin an upload, maybe with its first bytes."""
        rng = self.rng
        size = rng.choice((0, 0, len(known.text), rng.randint(0, len(known.text))))
        body = known.text[:size]
        request = creation(None if known.is_deferred else len(known.text), size, known.kind)
        at_hand, before = rng.random() < 0.6, (0, known.cuts)

        def work() -> AbstractUpload:
            service = UploadService()
            if not body:
                return service.create(request, NOBODY)
            appending = service.begin_create(request, NOBODY, at_hand=at_hand)
            try:
                appending.feed([body])
                return service.end_create(appending, BodyEnd.WHOLE)
            except Exception:
                service.drop_create(appending)
                raise

        answer = self.ask("create", work)
        if not answer.is_ok:
            return False
        known.upload_id = answer.value.upload_id
        self.ledger.told(known, size, before, "201")
        return True

    def patch(
        self, known: Known, offset: int, count: int, *, patience: float = 25.0, ends: bool = False
    ) -> Answer:
        """Send the bytes from an offset on; ``ends``: they are the last ones."""
        rng, before, was_gone = self.rng, known.before, known.is_gone
        body = known.text[offset : offset + count]
        tells = known.is_deferred and (offset + len(body) == len(known.text) or rng.random() < 0.3)
        checked = rng.random() < 0.2
        checksum = f"sha1 {base64.b64encode(hashlib.sha1(body).digest()).decode()}"
        request = AppendRequest(
            offset=offset,
            content_length=len(body),
            length=offset + count if ends else len(known.text) if tells else None,
            checksum=checksum if checked else None,
        )
        at_hand, how = rng.random() < 0.4, rng.choice(_ENDS)
        pieces = pieces_of(body, rng)
        waits = [rng.choice((0.0, 0.0, 0.0, 0.0, 0.3, 1.1)) for _ in pieces]

        def work() -> int:
            service = UploadService()
            upload = service.find_to_append(known.upload_id, NOBODY)
            appending = service.begin_append(upload, request, NOBODY, wait=3.6, at_hand=at_hand)
            if appending is None:
                return upload.offset
            if at_hand:
                appending.feed([body] if body else [])
                appending.end(BodyEnd.WHOLE)
                return appending.upload.offset
            for piece, seconds in zip(pieces, waits, strict=True):
                if seconds:
                    self.world.sleep(seconds)
                appending.feed([piece], commit=seconds > 0)
            appending.end(how)
            return appending.upload.offset

        answer = self.ask("patch", work, patience=patience)
        if answer.is_ok:
            self.ledger.check_lives(known, was_gone, "PATCH")
            self.ledger.told(known, answer.value, before, "204")
        elif isinstance(answer.error, UploadNotFound | UploadGone):
            self.ledger.check_may_be_gone(known, "PATCH", answer.error.code)
            known.may_be_gone = True
        return answer

    def delete(self, known: Known) -> bool:
        """End the upload."""
        known.may_be_gone = True

        def work() -> None:
            service = UploadService()
            upload = service.find(known.upload_id, NOBODY, service.policy.check_terminate)
            service.terminate(upload)

        answer = self.ask("delete", work)
        if answer.is_ok:
            self.ledger.deleted(known)
        return answer.is_ok


class Uploader(Client):
    """Uploads one file, and does not give up soon."""

    tries = 14

    def begin(self, known: Known) -> bool:
        """Have the upload made, however often that takes."""
        for _ in range(4):
            if self.create(known):
                return True
            # a client that got no answer begins another upload
            self.wait(0.3, 2.0)
        return False

    def go_on(self, known: Known) -> None:
        """Send what is missing until all is there."""
        rng = self.rng
        for _ in range(self.tries):
            if known.may_be_gone or self.world.failure:
                return
            at = self.head(known, patience=rng.choice((1.5, 3.0, 8.0, 25.0)))
            if at is None:
                self.wait(0.2, 1.0, 4.0)
                continue
            left = len(known.text) - at
            if known.is_complete and (not left or known.may_end_early):
                return
            count = rng.choice((left, left, rng.randint(0, left)))
            answer = self.patch(known, at, count, patience=rng.choice((1.5, 3.0, 8.0, 25.0)))
            if answer.is_ok and answer.value == len(known.text) and rng.random() < 0.8:
                return
            if not answer.is_ok:
                self.wait(0.05, 0.5, 3.0)
                if known.may_end_early and rng.random() < 0.5:
                    self.end_here(known)

    def end_here(self, known: Known) -> None:
        """Say that what is there is all, as one does who gives a slow body up."""
        at = self.head(known)
        if at is not None and not known.is_complete and not known.may_be_gone:
            self.patch(known, at, 0, ends=True)

    def new(self, number: str, length: int, **more: Any) -> Known:
        """An upload to be made."""
        known = Known(f"u{number}", text_of(self.seed, number, length), **more)
        self.ledger.uploads.append(known)
        return known


def pieces_of(body: bytes, rng: random.Random) -> list[bytes]:
    """The body as it may come in: whole, or in some pieces."""
    if not body:
        return []
    size = rng.choice((len(body), max(1, len(body) // 2), max(1, len(body) // 3)))
    return [body[start : start + size] for start in range(0, len(body), size)]
