"""More kinds of runs: bodies through the event loop, imported uploads, disks that are away."""

from functools import partial
from typing import Any

from tests.simulation.clients import Client, Uploader
from tests.simulation.fronts import Exchange, Server
from tests.simulation.known import Known
from tests.simulation.scenarios import Scenario
from tests.simulation.world import World
from tusbridge.service import UploadService


class Fronted(Scenario):
    """Slow bodies through the front; requests are cancelled, clients leave."""

    name = "front"
    stores = ("default",)
    slow_runs = 70
    slow_calls = (("pwritev",), ("pwritev",), ("fdatasync",), ("pwritev", "fdatasync", "UPDATE"))
    slow_seconds = (2.0, 5.0, 12.0)

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        # each second of the loop's costs steps
        self.receiver_seconds = min(self.receiver_seconds, 3.0)
        self.trickles = self.rng.random() < 0.6

    def people(self) -> None:
        self.server = Server(self.world, self.site, 0, threads=self.rng.choice((1, 1, 1, 2)))
        self.left = 0
        for number in range(self.rng.choice((1, 2, 3, 3))):
            uploader = self.client(Slow, f"up{number}")
            uploader.server, uploader.trickles = self.server, self.trickles
            known = uploader.new(str(number), self.rng.choice((7, 12, 24)))
            if self.rng.random() < 0.15:
                self.heads(known, f"heads{number}")
            self.left += 1
            self.bring(uploader, partial(self._upload, uploader, known))

    def _upload(self, uploader: "Slow", known: Known) -> None:
        try:
            if uploader.begin(known):
                uploader.go_on_slowly(known)
        finally:
            self.left -= 1
            if not self.left:
                self.server.stop()


class Slow(Uploader):
    """Sends bodies in pieces, with time between them."""

    server: Server
    # few bytes at once, longer apart than the server waits for more before it writes
    trickles = False

    def go_on_slowly(self, known: Known) -> None:
        """Send what is missing until all is there."""
        for _ in range(8):
            if not self.server.is_there:
                self.go_on(known)
                return
            at = self.head(known, patience=self.rng.choice((3.0, 25.0)))
            if known.is_complete or known.may_be_gone:
                return
            if at is not None and at < len(known.text):
                self._send(known, at)
            self.wait(0.1, 1.0, 4.0)

    def _send(self, known: Known, at: int) -> None:
        rng, world, before = self.rng, self.world, known.before
        body = known.text[at:]
        fields = {
            "tus-resumable": "1.0.0",
            "upload-offset": str(at),
            "content-type": "application/offset+octet-stream",
            "content-length": str(len(body)),
        }
        exchange = Exchange("PATCH", f"/files/{known.upload_id}", fields)
        self.server.begin(exchange)
        cancels = rng.random() < 0.6
        until = rng.randint(1, len(body)) if cancels else len(body)
        sent = 0
        while sent < until and not exchange.is_over:
            self.wait(*((0.6, 0.6, 0.8, 1.2, 3.0) if self.trickles else (0.0, 0.1, 0.6, 1.2, 3.0)))
            size = min(rng.randint(1, 4 if self.trickles else 6), until - sent)
            piece, sent = body[sent : sent + size], sent + size
            is_more = sent < len(body)
            message = {"type": "http.request", "body": piece, "more_body": is_more}
            self.server.call(exchange.add, message)
        if cancels:
            self.wait(0.0, 0.0, 0.05, 0.3, 2.0)
            if rng.random() < 0.7:
                world.tell("the request is cancelled")
                self.server.cancel(exchange)
            else:
                self.server.call(exchange.add, {"type": "http.disconnect"})
        server = self.server
        world.block(
            lambda: exchange.is_over or not server.is_there, world.now + rng.choice((3.0, 30.0))
        )
        world.tell(f"the answer is {exchange.status} {exchange.offset}")
        if exchange.status == 204 and exchange.offset is not None:
            self.ledger.told(known, exchange.offset, before, "204")


class Imported(Scenario):
    """Uploads whose bytes another program left in the storage; their names are given again."""

    name = "found"

    @property
    def options(self) -> dict[str, Any]:
        return {**super().options, "EXPIRE_AFTER": self.expire_after}

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.expire_after = self.rng.choice((200.0, 86_400.0))

    def people(self) -> None:
        for number in range(self.rng.choice((1, 1, 2))):
            known = self._import(str(number))
            uploader = self.client(Uploader, f"up{number}")
            if self.rng.random() < 0.5:
                # one that goes away behind its first bytes
                uploader.tries = 1
            self.bring(uploader, lambda u=uploader, k=known: u.go_on(k))
            for at, other in enumerate(self.rng.choices(("heads", "delete", "sweep"), k=2)):
                getattr(self, other)(known, f"{other}{number}{at}")
            self.bring(
                self.client(Client, f"site{number}"), lambda n=number: self._use_name_again(n)
            )

    def _import(self, number: str) -> Known:
        from tests.simulation.known import text_of
        from tusbridge.models import Protocol, Upload

        text = text_of(self.seed, number, self.rng.choice((7, 12, 24)))
        known = Known(f"u{number}", text, upload_id=f"{int(number) + 10:032x}")
        known.told = self.rng.randint(1, len(text))
        name = f"old/{number}.part"
        content = text[: known.told]
        if self.store == "objects":
            self.world.objects[name] = content  # type: ignore[attr-defined]
        else:
            self.world.files.put(f"{self.media}/{name}", content)  # type: ignore[attr-defined]
        service = UploadService()
        Upload(
            upload_id=known.upload_id,
            offset=known.told,
            length=len(text),
            protocol=Protocol.LEGACY,
            storage_alias=self.store,
            store_state={"found": name},
            expires_at=service.new_expiry(),
        ).save(force_insert=True)
        known.expires_at = self.world.now + self.expire_after
        self.ledger.uploads.append(known)
        return known

    def _use_name_again(self, number: int) -> None:
        world: Any = self.world
        name = f"old/{number}.part"
        is_there = self._has(name)
        world.block(lambda: not self._has(name), world.now + 3000.0)
        if is_there and not self._has(name):
            content = f"the site's own {number}".encode()
            self.foreign[name] = content
            if self.store == "objects":
                world.objects[name] = content
            else:
                world.files.put(f"{self.media}/{name}", content)
            world.tell(f"the site gives {name} to another file")

    def _has(self, name: str) -> bool:
        from tests.simulation import real

        if self.store == "objects":
            return name in self.world.objects  # type: ignore[attr-defined]
        try:
            real.calls.lstat(f"{self.media}/{name}")
        except FileNotFoundError:
            return False
        return True


class Starving(Scenario):
    """More uploads that cannot be swept than a sweep looks at, and one that can."""

    name = "starving"
    stores = ("default",)
    faults = frozenset({"pause"})

    def people(self) -> None:
        from datetime import timedelta

        from django.utils import timezone

        from tusbridge.models import Status, Upload

        self.site.bears_bad_settings = True
        now = timezone.now()
        what = self.rng.choice(("no storage", "no bytes", "ended", "unheard"))
        shared: dict[str, Any] = {"storage_alias": "gone", "length": 5, "offset": 3}
        if what == "no bytes":
            # a folder that was never made may as well be one that is not mounted
            UploadService().store_of(Upload(storage_alias="default")).create("0" * 32, None)
            shared = {"storage_alias": "default", "length": 5, "offset": 5}
        long_ago = now - timedelta(hours=3)
        shared |= {"expires_at": long_ago, "progress_at": long_ago}
        if what == "ended":
            shared["status"] = Status.TERMINATED
        rows = [Upload(upload_id=f"{n:032x}", **shared) for n in range(1, 8)]
        self.good = f"{99:032x}"
        rows.append(Upload(upload_id=self.good, length=9, expires_at=now - timedelta(hours=1)))
        if what == "ended":
            rows[-1].status = Status.TERMINATED
        Upload.objects.bulk_create(rows)

    def end(self, ending: Any) -> None:
        """The one must go, whatever becomes of the others."""
        from tests.simulation.database import rows

        for _ in range(12):
            self.world.sleep(600.0)
            UploadService().sweep(limit=5)
        if rows("upload_id = ?", self.good):
            self.world.fail("starved", "an upload is not swept, for others cannot be")
        left = [row for row in rows() if row.storage_alias != "gone"]
        if left:
            self.world.fail("row-left", f"a row is never swept: {left[0]}")


class Unmounted(Scenario):
    """The folder of unfinished bytes is not there for a while, and comes back."""

    name = "unmounted"
    stores = ("default", "objects")
    faults = frozenset({"kill", "pause"})

    def people(self) -> None:
        self.place = self.client(Client, "operator")
        uploads = []
        for number in range(self.rng.choice((1, 2))):
            uploader = self.client(Uploader, f"up{number}")
            uploads.append((uploader, uploader.new(str(number), 24)))
        self.bring(self.place, lambda: self._play(uploads))

    def _play(self, uploads: list[tuple[Uploader, Known]]) -> None:
        for uploader, known in uploads:
            if uploader.begin(known) and known.told == 0:
                uploader.patch(known, 0, 9)
        self.site.kill_all()
        self.world.sleep(1.0)
        _move(self.world, self.partials, f"{self.partials}.away")
        for uploader, known in uploads:
            if known.told and not known.is_complete:
                for _ in range(self.rng.choice((1, 2))):
                    at = uploader.head(known)
                    if at and self.rng.random() < 0.5:
                        uploader.patch(known, at, 3)
        if self.rng.random() < 0.5:
            self.place.ask("sweep", lambda: UploadService().sweep())
        self.site.kill_all()
        self.world.sleep(1.0)
        _move(self.world, f"{self.partials}.away", self.partials)
        for uploader, known in uploads:
            if known.told:
                uploader.head(known)


def _move(world: World, source: str, target: str) -> None:
    import shutil

    from tests.simulation import real

    files: Any = world.files  # type: ignore[attr-defined]
    current, world.current = world.current, None
    try:
        shutil.rmtree(target, ignore_errors=True)
        try:
            real.calls.rename(source, target)
        except FileNotFoundError:
            world.tell("there is nothing to move")
    finally:
        world.current = current
    files.shadow.adopt()
    world.tell(f"{source[len(files.prefix) :]} is {target[len(files.prefix) :]} now")
