"""What a run is about: the kind of store, who is there, what may go wrong. Drawn by the seed."""

import random
from typing import Any

from django.conf import settings
from django.dispatch import Signal

from tests.simulation.clients import Client, Uploader, creation
from tests.simulation.known import Known, Ledger
from tests.simulation.site import Site
from tests.simulation.world import World
from tusbridge.service import UploadService
from tusbridge.signals import upload_completed

SLOW = (0.0, 0.0, 0.0, 1.0, 8.0, 125.0, 300.0)
SLOW_CALLS = (
    *(("copy",), ("copy",), ("pwritev",), ("fdatasync", "fsync"), ("rename", "link", "unlink")),
    *(("UPDATE",), ("pwritev", "fdatasync", "fsync", "copy")),
)
SLOW_SECONDS = (0.4, 2.0, 5.0)


class Scenario:
    """Uploads by obedient clients, and others that look, sweep and delete."""

    name = "uploads"
    stores: tuple[str, ...] = ("default", "default", "objects", "own")
    faults = frozenset(
        {
            *("pause", "stop", "kill", "kill-all", "full", "eio", "fail", "lost", "late"),
            "no-thread",
        }
    )
    # of a hundred runs, how many have calls that are slow; which, and how many seconds, about
    slow_runs = 20
    slow_calls, slow_seconds = SLOW_CALLS, SLOW_SECONDS

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.rng = rng = random.Random(f"scenario {seed}")
        self.store = rng.choice(self.stores)
        self.durability = rng.choice(("power", "power", "process"))
        self.media = settings.MEDIA_ROOT
        self.partials = f"{self.media}.partial"
        self.listens = rng.random() < 0.5
        self.receiver_seconds = rng.choice(SLOW)
        self.receiver_raises = rng.random() < 0.1
        self.foreign: dict[str, bytes] = {}
        self.long_bytes = rng.choice((None, None, None, 4))
        self.ends_within = rng.random() < 0.5

    @property
    def allowed(self) -> frozenset[str]:
        """The faults that may come."""
        return self.faults | {"power"}

    @property
    def about(self) -> str:
        """The run in a word or two."""
        return f"{self.store} {self.durability}"

    @property
    def options(self) -> dict[str, Any]:
        """TUSBRIDGE of this run."""
        return {"ALLOW_ANONYMOUS": True, "STORAGE": self.store, "DURABILITY": self.durability}

    def set_up(self, world: World, site: Site, ledger: Ledger) -> None:
        """Bring the actors in."""
        self.world, self.site, self.ledger = world, site, ledger
        rng, files = self.rng, world.files  # type: ignore[attr-defined]
        files.writes_short = rng.random() < 0.2
        if rng.random() * 100 < self.slow_runs:
            files.slow = dict.fromkeys(rng.choice(self.slow_calls), rng.choice(self.slow_seconds))
        # where copies are slow they mostly have to be made, and take some calls each
        is_copying = "copy" in files.slow and rng.random() < 0.7
        files.has_links = not is_copying and rng.random() < 0.75
        files.copies_short = rng.random() < (0.6 if is_copying else 0.2)
        if rng.random() < 0.25:
            files.other_disks = (self.media + "/",)
        world.shows_halves, world.overwrites = rng.random() < 0.5, rng.random() < 0.5  # type: ignore[attr-defined]
        if self.listens:
            _listen(upload_completed, self._hear)
        self.people()

    def people(self) -> None:
        """The actors of this kind of run."""
        for number in range(self.rng.choice((1, 1, 2))):
            known = self.upload(str(number))
            others = self.rng.choices(
                ("second", "heads", "delete", "sweep"), k=self.rng.randint(0, 3)
            )
            for at, other in enumerate(others):
                getattr(self, other)(known, f"{other}{number}{at}")

    def upload(self, number: str, **more: Any) -> Known:
        """A client with a file."""
        uploader = self.client(Uploader, f"up{number}")
        length = self.rng.choice((0, 1, 7, 12, 24))
        known = uploader.new(number, length, is_deferred=self.rng.random() < 0.3, **more)
        known.may_end_early = known.is_deferred and self.rng.random() < 0.5

        def work() -> None:
            if uploader.begin(known):
                uploader.go_on(known)

        self.bring(uploader, work)
        return known

    def client(self, kind: type[Any], name: str) -> Any:
        """A client of that kind."""
        return kind(self.world, self.site, self.ledger, self.seed, name)

    def bring(self, client: Client, work: Any) -> None:
        """An actor outside of the site."""
        self.world.spawn(client.name, work, self.site.outside)

    # -- others

    def second(self, known: Known, name: str) -> None:
        """The same client in another window: goes on with the same upload."""
        other = self.client(Uploader, name)

        def work() -> None:
            other.wait(0.0, 0.05, 2.0, 6.0)
            if known.upload_id:
                other.go_on(known)

        self.bring(other, work)

    def heads(self, known: Known, name: str) -> None:
        """Somebody who looks again and again."""
        other = self.client(Client, name)

        def work() -> None:
            for _ in range(other.rng.randint(1, 5)):
                other.wait(0.0, 0.1, 3.0, 5.0, 60.0)
                if known.upload_id and not known.may_be_gone:
                    other.head(known)

        self.bring(other, work)

    def delete(self, known: Known, name: str) -> None:
        """Somebody who ends it."""
        other = self.client(Client, name)

        def work() -> None:
            other.wait(0.0, 0.02, 0.3, 5.0, 150.0)
            for _ in range(3):
                if known.upload_id and other.delete(known):
                    return
                other.wait(0.02, 2.0)

        self.bring(other, work)

    def sweep(self, known: Known, name: str) -> None:
        """The site's sweep."""
        other = self.client(Client, name)

        def work() -> None:
            for _ in range(other.rng.randint(1, 3)):
                other.wait(0.0, 4.0, 125.0, 240.0, 700.0)
                other.ask("sweep", lambda: UploadService().sweep(), patience=1000.0)

        self.bring(other, work)

    # -- the site's receivers

    def _hear(self, sender: Any, upload: Any, **_: Any) -> None:
        world = self.world
        world.step("receiver", "receiver")
        actor = self.ledger.begin_hearing(upload.upload_id)
        try:
            if self.receiver_seconds:
                world.sleep(self.receiver_seconds)
            world.step("receiver ends", "receiver")
        finally:
            if actor.is_dying:
                self.ledger.hearing[upload.upload_id].remove(actor)
            else:
                self.ledger.end_hearing(upload.upload_id, actor)
        if self.receiver_raises:
            raise ValueError("a receiver of the site's")

    # -- in the end

    def end(self, ending: Any) -> None:
        """Bring the run to its end, and look at what there is."""
        ending.all_goes_on()

    def check(self, ending: Any) -> None:
        """What holds in this kind of run alone: files of others are as they were."""
        if self.durability == "process" and self.world.has_lost_power:
            return  # then a file that was taken over may be where it was before
        for name, content in self.foreign.items():
            if ending.read(self.store, name) != content:
                self.world.fail("foreign", f"{name}, a file of the site's, is not as it was")

    def cut(self) -> None:
        """The power went."""
        self.world.has_lost_power = True
        if self.durability == "process":
            for known in self.ledger.uploads:
                known.may_be_damaged = True
                # what is told from now on counts again
                known.told = 0
                known.cuts += 1


def _listen(signal: Signal, receiver: Any) -> None:
    signal.connect(receiver, weak=False, dispatch_uid="simulation")


class Concatenations(Scenario):
    """Parts, and final uploads of them, some of which wait."""

    name = "concat"
    slow_runs = 60
    slow_calls = (("copy",), ("copy",), ("copy",), ("copy", "link", "rename"), *SLOW_CALLS)
    slow_seconds = (1.5, 2.0, 5.0)

    def people(self) -> None:
        rng = self.rng
        parts = []
        for number in range(rng.choice((1, 2, 2, 3))):
            part = self.upload(f"part{number}", kind="partial")
            part.completes_itself = True
            parts.append(part)
            if rng.random() < 0.2:
                self.heads(part, f"heads{number}")
        for number in range(rng.choice((1, 1, 2, 3))):
            chosen = parts if rng.random() < 0.7 else rng.choices(parts, k=rng.randint(1, 3))
            final = self.join(chosen, f"final{number}")
            for at in range(rng.choice((0, 1, 2, 3))):
                self.heads(final, f"heads{number}{at}f")
            if rng.random() < 0.2:
                self.delete(final, f"delete{number}f")
        if rng.random() < 0.4:
            self.sweep(parts[0], "sweep")

    def join(self, parts: list[Known], name: str) -> Known:
        """A client that joins parts, maybe before they are complete."""
        client = self.client(Client, name)
        known = Known(name, b"", kind="final", parts=list(parts))
        self.ledger.uploads.append(known)
        waits = self.rng.random() < 0.5

        def ready() -> bool:
            is_certain = all(part.upload_id for part in parts)
            return is_certain and (
                waits or all(p.is_complete or p.told == len(p.text) for p in parts)
            )

        def work() -> None:
            world = self.world
            world.block(ready, world.now + 900.0)
            client.wait(0.0, 0.0, 1.0)
            if not ready():
                return
            ids = [part.upload_id for part in parts]
            known.text = b"".join(part.text for part in parts)
            request = creation(None, 0, "final", f"final;{' '.join(ids)} {name}")
            for _ in range(4):
                before = (0, known.cuts)
                answer = client.ask(
                    "join", lambda: UploadService().concatenate(request, ids, _nobody())
                )
                if answer.is_ok:
                    known.upload_id = answer.value.upload_id
                    if not answer.value.is_waiting:
                        self.ledger.told(known, answer.value.offset, before, "201")
                    return
                client.wait(0.5, 3.0)

        self.bring(client, work)
        return known


def _nobody() -> Any:
    from tests.simulation.clients import NOBODY

    return NOBODY
