"""What clients were told, and what has to hold because of it."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.world import World


@dataclass
class Known:
    """An upload as its clients know it."""

    name: str
    text: bytes
    upload_id: str = ""
    kind: str = ""
    is_deferred: bool = False
    told: int = 0
    is_complete: bool = False
    # a DELETE was asked for; it was answered
    may_be_gone: bool = False
    is_gone: bool = False
    # the power went with durability "process": bytes may be lost
    may_be_damaged: bool = False
    is_given_away: bool = False
    completes_itself: bool = True
    # its client may say that what is there is all; whether it is known how much that is
    may_end_early: bool = False
    is_length_told: bool = False
    # power cuts since which bytes may be lost
    cuts: int = 0
    parts: list["Known"] = field(default_factory=list)
    expires_at: float = float("inf")

    @property
    def is_certain(self) -> bool:
        """Whether it must live."""
        return bool(self.upload_id) and not self.may_be_gone

    @property
    def whole(self) -> bytes | None:
        """What the finished file must hold; None: that cannot be told."""
        if self.kind == "final":
            parts = [part.whole for part in self.parts]
            return None if None in parts else b"".join(part or b"" for part in parts)
        return None if self.may_end_early and not self.is_length_told else self.text

    @property
    def before(self) -> tuple[int, int]:
        """What was told, of those who are about to ask: an offset, and behind how many cuts."""
        return self.told, self.cuts

    def learn(self, length: int | None) -> None:
        """The upload's length, once it has one. A form's may grow after a completing call that
        failed."""
        if not (self.completes_itself or self.is_complete) or (length or 0) < self.told:
            return
        if length is not None and self.may_end_early and self.kind != "final":
            self.text, self.is_length_told = self.text[:length], True


def text_of(seed: int, name: str, length: int) -> bytes:
    """Bytes that no other upload has, none of which is zero."""
    made = hashlib.sha256(f"{seed} {name}".encode()).digest()
    return bytes(byte or 1 for byte in (made * 2)[:length])


class Ledger:
    """All uploads of a run, and the receivers' calls."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.uploads: list[Known] = []
        self.heard: dict[str, int] = {}
        self.hearing: dict[str, list[Any]] = {}

    def by_id(self, upload_id: str) -> Known | None:
        """The upload of that id."""
        return next((one for one in self.uploads if one.upload_id == upload_id), None)

    def told(self, known: Known, offset: int, before: tuple[int, int], how: str) -> None:
        """A client is told an offset; ``before`` is the upload's when it asked."""
        floor, cuts = before
        if cuts != known.cuts:
            return  # an answer that was on its way when the power went
        if offset < min(floor, known.told):
            self.world.fail(
                "offset", f"{known.name}: {how} tells {offset}, {floor} was told before"
            )
        if offset > len(known.text):
            self.world.fail("offset", f"{known.name}: {how} tells {offset} of {len(known.text)}")
        known.told = max(known.told, offset)
        if known.may_be_damaged and not (how == "HEAD" and offset < len(known.text)):
            # the row's word, of bytes at which nobody may have looked since the power cut
            known.told = 0

    def deleted(self, known: Known) -> None:
        """A DELETE was answered 204."""
        known.may_be_gone = known.is_gone = True

    def check_lives(self, known: Known, was_gone: bool, how: str) -> None:
        """An upload was answered for that had been deleted before the question."""
        if was_gone:
            self.world.fail("back", f"{known.name}: {how} finds it after its DELETE was answered")

    def check_may_be_gone(self, known: Known, how: str, code: str) -> None:
        """A client hears that there is no such upload."""
        if self.world.now < known.expires_at and known.is_certain:
            self.world.fail("gone", f"{known.name}: {how} says {code}")

    # -- receivers

    def begin_hearing(self, upload_id: str) -> Any:
        """A receiver of upload_completed is called."""
        actor = self.world.current
        assert actor is not None
        for other in self.hearing.setdefault(upload_id, []):
            if not (other.was_paused or other.process.was_paused or other.is_dying):
                known = self.by_id(upload_id)
                name = known.name if known else upload_id
                self.world.fail("twice", f"{name}: a receiver is called while one runs for it")
        self.hearing[upload_id].append(actor)
        return actor

    def end_hearing(self, upload_id: str, actor: Any) -> None:
        """It has returned, or raised."""
        self.hearing[upload_id].remove(actor)
        self.heard[upload_id] = self.heard.get(upload_id, 0) + 1
