"""What has to hold when the faults are over: all goes on or is swept, and nothing is left."""

from collections.abc import Iterator
from typing import Any

from tests.simulation import real
from tests.simulation.clients import NOBODY
from tests.simulation.database import Row, read, rows
from tests.simulation.known import Known, Ledger
from tests.simulation.site import Site
from tests.simulation.world import World
from tusbridge.errors import UploadError, UploadGone, UploadNotFound
from tusbridge.models import Upload
from tusbridge.protocol.rules import AppendRequest
from tusbridge.service import UploadService
from tusbridge.sweeping import Sweeper

DAY = 86_400.0
# Five seconds each: longer than what is completed behind an answer waits for its turn.
_TRIES = 15


class Ending:
    """Brings a run to its end, without faults, and looks at what there is."""

    def __init__(self, world: World, site: Site, ledger: Ledger, scenario: Any) -> None:
        self.world, self.site, self.ledger, self.scenario = world, site, ledger, scenario

    def run(self) -> None:
        """All checks; the first that does not hold is the run's failure."""
        self.world.sleep(30.0)
        self.scenario.end(self)

    def all_goes_on(self) -> None:
        """What lives goes on to its end, what is over is swept, and nothing is left."""
        for known in list(self.ledger.uploads):
            if known.is_certain and self.world.now < known.expires_at and not self.world.failure:
                self._go_on(known)
        for known in self.ledger.uploads:
            if (row := _row(known)) is not None and row.is_complete:
                known.learn(row.length)
        for known in self.ledger.uploads:
            self._check_finished(known)
        self._sweep()
        self._check_heard()
        self._check_left()
        self.scenario.check(self)

    # -- all goes on

    def _go_on(self, known: Known) -> None:
        why = ""
        for _ in range(_TRIES):
            try:
                upload = UploadService().head(known.upload_id, NOBODY)
                known.learn(upload.length)
                if upload.is_complete:
                    return
                if known.kind != "final":
                    self._send_rest(known, upload)
            except (UploadNotFound, UploadGone) as error:
                if not known.may_be_damaged:
                    self.world.fail("gone", f"{known.name}: {error.code} in the end")
                return
            except UploadError as error:
                why = f"{error.code}: {error}"
            self.world.sleep(5.0)
        row = _row(known)
        if row is not None and row.is_complete:
            return
        if known.kind == "final" and not self._could_complete(known):
            return
        self.world.fail("stuck", f"{known.name} does not go on: {why or 'nothing happens'}; {row}")

    def _could_complete(self, known: Known) -> bool:
        """Whether its parts are there with all their bytes, whatever has become of its own."""
        if any(part.may_be_gone for part in known.parts):
            return False
        damaged = [part for part in known.parts if part.may_be_damaged]
        return all(_has_its_bytes(part) for part in damaged)

    def _send_rest(self, known: Known, upload: Any) -> None:
        self.ledger.told(known, upload.offset, known.before, "HEAD in the end")
        service = UploadService()
        if not known.completes_itself:
            self._complete_as_asked(service, known, upload)
            return
        rest = known.text[upload.offset :]
        request = AppendRequest(
            offset=upload.offset,
            content_length=len(rest),
            length=len(known.text) if known.is_deferred and upload.length is None else None,
        )
        service.append(known.upload_id, request, [[rest]] if rest else [], NOBODY, wait=0)

    def _complete_as_asked(self, service: UploadService, known: Known, upload: Any) -> None:
        rest = known.text[upload.offset :]
        if rest and not known.may_end_early:
            chunk = service.begin_chunk(upload, upload.offset, len(rest), again=lambda: upload)
            chunk.feed([rest])
            chunk.commit({})
            upload = Upload.objects.get(upload_id=known.upload_id)
        service.complete(upload)

    # -- what is finished is right

    def _check_finished(self, known: Known) -> None:
        row = _row(known)
        if row is None or not row.is_finished or known.may_be_damaged:
            return
        known.is_complete = True
        if not row.file:
            return
        found = self.read(row.storage_alias, row.file)
        if found is None:
            self.world.fail("lost", f"{known.name} is complete, and {row.file} is not there")
        elif known.whole is not None and found != known.whole:
            self.world.fail(
                "wrong", f"{known.name} is complete with {found!r}, not {known.whole!r}"
            )
        elif len(found) < known.told:
            self.world.fail("wrong", f"{known.name} is complete with {found!r} of {known.told}")

    def read(self, alias: str, name: str) -> bytes | None:
        """A finished file's bytes, past the code under test."""
        if alias == "objects":
            return self.world.objects.get(name)  # type: ignore[attr-defined,no-any-return]
        return self.read_path(f"{self.scenario.media}/{name}")

    def read_path(self, path: str) -> bytes | None:
        """A file's bytes, past the simulation."""
        try:
            with real.open_file(path, "rb") as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None

    # -- nothing is left

    def _sweep(self) -> None:
        me = self.world.current
        for _ in range(3):
            # what is done behind an answer, and its signs of life, know no leaps
            others = [actor for actor in self.world.actors if actor is not me]
            self.world.block(
                lambda others=others: all(actor.is_done for actor in others), self.world.now + 900
            )
            self.world.now += 2 * DAY
            for _ in range(6):
                try:
                    result = UploadService().sweep()
                except UploadError:
                    continue
                if not (result.removed or result.completed):
                    break
            if all(row.is_finished for row in rows()) and not self._left():
                return
            list(Sweeper(UploadService(), grace_seconds=-3600).orphans())

    def _left(self) -> list[str]:
        """What lies in the storage or among unfinished bytes and is no finished upload's."""
        owned = {row.file for row in rows() if row.is_finished} | set(self.scenario.foreign)
        owned |= {video["file"] for video in read("SELECT file FROM gallery_video")}
        stored = [name for name in self._stored() if name not in owned]
        # what a crash in mid-attach leaves is for the site to find, and docs/design.md says so
        stored = [name for name in stored if not name.startswith("videos/")]
        # a name that may be another file's is forgotten before its file goes: a crash in between
        # leaves the file (docs/durability.md)
        if self.world.has_faults:
            stored = [name for name in stored if not name.startswith("old/")]
        # that a finished file was removed may be lost by a power cut, too
        if self.scenario.durability == "process" and self.world.has_lost_power:
            stored = [name for name in stored if not name.startswith("uploads/")]
        above = len(self.scenario.partials.rpartition("/")[0]) + 1
        return stored + [path[above:] for path in _files_below(self.scenario.partials)]

    def _check_heard(self) -> None:
        if not self.scenario.listens:
            return
        for row in rows():
            if row.is_finished and not self.ledger.heard.get(row.upload_id):
                known = self.ledger.by_id(row.upload_id)
                name = known.name if known else row.upload_id
                self.world.fail("unheard", f"no receiver heard that {name} is complete")

    def _check_left(self) -> None:
        for row in rows():
            if not row.is_finished:
                self.world.fail("row-left", f"a row is never swept: {row}")
            known = self.ledger.by_id(row.upload_id)
            if known is not None and known.is_gone:
                self.world.fail("back", f"{known.name} was deleted, and has a row: {row}")
        for name in self._left():
            self.world.fail("left", f"{name} is nobody's")

    def _stored(self) -> list[str]:
        media = self.scenario.media
        names = [path[len(media) + 1 :] for path in _files_below(media)]
        return [*names, *self.world.objects]  # type: ignore[attr-defined]


def _files_below(folder: str) -> Iterator[str]:
    try:
        names = sorted(real.calls.listdir(folder))
    except FileNotFoundError:
        return
    for name in names:
        path = f"{folder}/{name}"
        try:
            yield from _files_below(path)
        except NotADirectoryError:
            yield path


def _has_its_bytes(part: Known) -> bool:
    row, service = Upload.objects.filter(upload_id=part.upload_id).first(), UploadService()
    if row is None or not row.is_complete:
        return False
    try:
        return service.store_of(row).available(service.blob_of(row), row.offset) == row.offset
    except UploadError:
        return False


def _row(known: Known) -> Row | None:
    return next(iter(rows("upload_id = ?", known.upload_id)), None)


__all__ = ["Ending"]
