"""Kinds of runs in which a site does something of its own: migrates back, hands files over,
completes uploads in transactions of its own, as the contract of django-chunked-upload has it.
"""

from typing import Any

from django.db import transaction

from legacy import takeover
from tests.gallery.models import Video
from tests.simulation.clients import Client, Uploader, pieces_of
from tests.simulation.database import read, rows
from tests.simulation.known import Known
from tests.simulation.scenarios import SLOW_CALLS, Scenario
from tusbridge.models import Upload
from tusbridge.service import UploadService


class GivingBack(Scenario):
    """Unfinished uploads go back to where the original looks for them; that is stopped and done
    again."""

    name = "give-back"
    stores = ("default",)

    def people(self) -> None:
        self.is_back = False
        uploads: list[tuple[Uploader, Known]] = []
        for number in range(self.rng.choice((1, 2, 3))):
            uploader = self.client(Uploader, f"up{number}")
            uploads.append((uploader, uploader.new(str(number), self.rng.choice((7, 24)))))
        self.bring(self.client(Client, "operator"), lambda: self._play(uploads))

    def _play(self, uploads: list[tuple[Uploader, Known]]) -> None:
        for uploader, known in uploads:
            if uploader.begin(known) and known.told == 0:
                uploader.patch(known, 0, 5)
        # as before any migration, the servers are stopped
        self.site.kill_all()
        operator = self.client(Client, "back")
        self.site.bears_bad_settings = True
        for _ in range(3):
            if operator.ask("give-back", self._give_back, patience=5000.0, bears=True).is_ok:
                self.is_back = True
                return
            operator.wait(1.0, 5.0)

    def _give_back(self) -> None:
        with transaction.atomic():
            takeover.give_back(Upload, "default")

    def end(self, ending: Any) -> None:
        """Whatever was told of each upload is in the one place or in the other."""
        try:
            if not self.is_back:
                self._give_back()
        except Exception as error:
            if not any(known.may_be_damaged for known in self.ledger.uploads):
                self.world.fail("stuck", f"giving back does not get on: {error!r}")
            return
        for known in self.ledger.uploads:
            if not known.is_certain or known.may_be_damaged:
                continue
            row = next(iter(rows("upload_id = ?", known.upload_id)), None)
            if row is None:
                self.world.fail("gone", f"{known.name} has no row in the end")
                continue
            found = ending.read_path(f"{self.media}/{row.file}")
            if found is None or found[: row.offset] != known.text[: row.offset]:
                self.world.fail(
                    "lost", f"{known.name} has {row.offset} bytes, and {found!r} is there"
                )


class Attached(Scenario):
    """Finished uploads become the files of a model's instances."""

    name = "attach"
    stores = ("default", "objects", "own")

    def people(self) -> None:
        for number in range(self.rng.choice((1, 2))):
            known = self.upload(str(number))
            for at in range(self.rng.choice((1, 1, 2))):
                self.attach(known, f"attach{number}{at}")
            for at, other in enumerate(self.rng.choices(("heads", "delete", "sweep"), k=1)):
                getattr(self, other)(known, f"{other}{number}{at}")

    def attach(self, known: Known, name: str) -> None:
        """The site hands the file over as soon as it is there."""
        client = self.client(Client, name)

        def work() -> None:
            upload = Upload.objects.get(upload_id=known.upload_id)
            upload.attach(Video(title=known.name).file)

        def play() -> None:
            self.world.block(lambda: known.is_complete or known.may_be_gone, self.world.now + 600.0)
            for _ in range(3):
                if (
                    not known.is_complete
                    or known.may_be_gone
                    or client.ask("attach", work, bears=True).is_ok
                ):
                    return
                client.wait(0.1, 3.0)

        self.bring(client, play)

    def check(self, ending: Any) -> None:
        super().check(ending)
        for video in read("SELECT * FROM gallery_video"):
            known = next(k for k in self.ledger.uploads if k.name == video["title"])
            found = ending.read_path(f"{self.media}/{video['file']}")
            if found != known.text and not known.may_be_damaged:
                self.world.fail("lost", f"{known.name} was attached as {video['file']}: {found!r}")


class Chunked(Scenario):
    """Uploads in chunks that the client says are all, completed within the site's transactions."""

    name = "chunks"
    stores = ("default", "objects")
    slow_runs = 45
    slow_calls = (("pwritev",), ("pwritev",), *SLOW_CALLS)
    slow_seconds = (2.0, 5.0, 9.0)

    def people(self) -> None:
        for number in range(self.rng.choice((1, 1, 2))):
            client = self.client(Uploader, f"up{number}")
            known = client.new(str(number), self.rng.choice((5, 12)))
            known.completes_itself = False
            known.may_end_early = self.rng.random() < 0.5
            is_within = self.rng.random() < 0.6
            self.bring(client, lambda c=client, k=known, w=is_within: self._play(c, k, w))
            for at, other in enumerate(self.rng.choices(("heads", "sweep", "delete"), k=1)):
                getattr(self, other)(known, f"{other}{number}{at}")
            if known.may_end_early:
                self._end_early(known, f"end{number}")

    def _end_early(self, known: Known, name: str) -> None:
        """Another window of the same client says that what is there is all."""
        client = self.client(Uploader, name)

        def play() -> None:
            self.world.block(lambda: bool(known.upload_id), self.world.now + 60.0)
            for _ in range(3):
                client.wait(0.0, 0.05, 1.0, 3.0, 6.0)
                if not known.upload_id or known.may_be_gone or known.is_complete:
                    return
                self._complete(client, known, is_within=False)

        self.bring(client, play)

    def _play(self, client: Uploader, known: Known, is_within: bool) -> None:
        for _ in range(6):
            if known.is_complete:
                return
            if not known.upload_id:
                self._first(client, known)
            elif known.told < len(known.text) and not (
                known.may_end_early and client.rng.random() < 0.2
            ):
                self._next(client, known)
            elif self._complete(client, known, is_within):
                return
            client.wait(0.0, 0.1, 4.0)

    def _first(self, client: Uploader, known: Known) -> None:
        size, before = client.rng.randint(1, len(known.text)), (0, known.cuts)

        def work() -> str:
            service = UploadService()
            upload = Upload(protocol="legacy", completes_itself=False, filename="x")
            chunk = service.begin_first_chunk(upload, len(known.text), _nobody())
            chunk.feed([known.text[:size]])
            chunk.commit({})
            return str(upload.upload_id)

        answer = client.ask("first", work)
        if answer.is_ok:
            known.upload_id = answer.value
            self.ledger.told(known, size, before, "201")

    def _next(self, client: Uploader, known: Known) -> None:
        floor = client.head(known)
        if floor is None or known.may_be_gone:
            return
        before, rest = known.before, known.text[floor:]
        pieces = pieces_of(rest, client.rng)

        def work() -> int:
            service = UploadService()
            upload = service.find_to_append(known.upload_id, _nobody())
            chunk = service.begin_chunk(
                upload,
                floor,
                len(rest),
                again=lambda: service.find_to_append(known.upload_id, _nobody()),
            )
            for piece in pieces:
                chunk.feed([piece])
            chunk.commit({})
            return int(chunk.upload.offset)

        answer = client.ask("chunk", work) if rest else None
        if answer is not None and answer.is_ok:
            self.ledger.told(known, answer.value, before, "204")

    def _complete(self, client: Uploader, known: Known, is_within: bool) -> bool:
        def work() -> None:
            service = UploadService()
            upload = service.find(known.upload_id, _nobody(), service.policy.check_read)
            service.complete(upload)

        def within() -> None:
            with transaction.atomic():
                work()

        answer = client.ask("complete", within if is_within else work, bears=is_within)
        if answer.is_ok or getattr(answer.error, "code", "") == "already-complete":
            known.is_complete = True
        return known.is_complete


def _nobody() -> Any:
    from tests.simulation.clients import NOBODY

    return NOBODY
