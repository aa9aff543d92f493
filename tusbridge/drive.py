"""Running appends of one process: each is fed as its body comes, their leases are kept alive."""

import asyncio
import logging
import threading
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from django.http import HttpResponseBase

from tusbridge import leases
from tusbridge.api.feeding import Feeding
from tusbridge.body import BodyEnd
from tusbridge.conf import get_options
from tusbridge.errors import UploadError
from tusbridge.intake import BATCH_BYTES, Intake
from tusbridge.models import get_upload_model

logger = logging.getLogger("tusbridge.asgi")

Run = Callable[[Callable[[], Any]], Awaitable[Any]]

# Bytes are committed when none came for so long, ...
IDLE_SECONDS = 0.5
# ... when so many are waiting for so long, ...
MANY_BYTES = 64 * 1024
MANY_SECONDS = 1.0
# ... and in any case after so long: what a trickle may lose in a crash, none of it acknowledged.
FEW_SECONDS = 10.0
# An append is quiet when no byte came for so long; seconds between two looks for it.
QUIET_SECONDS = 0.03
_LOOK_SECONDS = 0.01
# One through which bytes flow is asked to commit no more often than this, whoever asks.
_ASK_SECONDS = 0.25
# Seconds for which somebody may wait for the commit that was asked for: a few milliseconds, but on
# a machine that is busy.
_COMMIT_SECONDS = 0.25
# Seconds for which somebody may wait until an append whose body has ended is committed, or one
# that has just come in has begun: a sync or two on a busy disk.
_ENDING_SECONDS = 2.0
# Bytes that all running appends together gather before threads are woken, and one at least.
BUFFERED_BYTES = 64 * 1024 * 1024
LEAST_BATCH_BYTES = 64 * 1024
# Seconds between two signs of life of the leases held here.
BEAT_SECONDS = 0.75
# Seconds for which the lease of an append that was given up is kept while its last bytes wait for
# a thread or for the disk. Later another request may take the upload over without them.
_GIVING_UP_SECONDS = 8.0


class Drive:
    """One append, fed in steps: each runs in a pool's thread, and none while nothing comes."""

    def __init__(self, feeding: Feeding, intake: Intake, run: Run, run_routine: Run) -> None:
        self.feeding = feeding
        self.intake = intake
        self.upload_id = feeding.appending.upload.upload_id
        self.pk = feeding.appending.upload.pk
        self.token = feeding.appending.token
        # drives of one group are beaten for by one statement
        self.group = feeding.carrier.key, feeding.using
        self.is_stepping = False
        self._run = run
        self._run_routine = run_routine
        self._loop = asyncio.get_running_loop()
        self._clean_at = self._tried_at = self._loop.time()
        self._asked = self._is_urgent = False
        self._flushed = asyncio.Event()
        # set when the append is over and done with
        self.is_over = asyncio.Event()
        # A step may outlive the task that waited for it, or come after its end. So what was taken
        # out of the intake lies here, in order, until whoever has the lock writes it.
        self._lock = threading.Lock()
        self._taken: deque[bytes] = deque()
        self._is_abandoned = False
        # set once the append has ended: nothing is written any more
        self._answer: HttpResponseBase | None = None

    async def run(self) -> HttpResponseBase:
        """Feed the append until its body ends; the answer."""
        while True:
            commit = await self._wait_for_work()
            self._take()
            end = self.intake.end
            # what somebody waits for goes past the routine of a thousand trickles
            run = self._run if self._is_urgent or end is not None else self._run_routine
            self._is_urgent = False
            response = await self._run_step(run, partial(self._step, end, commit=commit))
            now = self._loop.time()
            if commit:
                self._tried_at = now
            if not self.feeding.appending.uncommitted:
                self._clean_at = now
            if commit or response is not None:
                self._flushed.set()
            if response is not None:
                return response

    async def _run_step(
        self, run: Run, step: Callable[[], HttpResponseBase | None]
    ) -> HttpResponseBase | None:
        self.is_stepping = True
        try:
            response: HttpResponseBase | None = await run(step)
        finally:
            self.is_stepping = False
        return response

    def _take(self) -> None:
        self._taken.extend(self.intake.take())

    def _step(self, end: BodyEnd | None, *, commit: bool) -> HttpResponseBase | None:
        with self._lock:
            try:
                return self.feeding.carrier.run(self._step_in_request, end, commit=commit)
            except Exception as error:  # noqa: BLE001 a scope of the site's; the answer says so
                self._answer = self.feeding.fail(error)
                return self._answer

    def _step_in_request(self, end: BodyEnd | None, *, commit: bool) -> HttpResponseBase | None:
        if self._answer is None:
            self._answer = self._write(end, commit=commit)
        if self._answer is None and self._is_abandoned:
            self._answer = self._write(BodyEnd.GONE, commit=True)
        return self._answer

    def _write(self, end: BodyEnd | None, *, commit: bool) -> HttpResponseBase | None:
        """All that was taken, and the end; the answer, where that ended the append."""
        chunks = [self._taken.popleft() for _ in range(len(self._taken))]
        failed = self.feeding.feed(chunks, commit=commit and end is None)
        if failed is not None or end is None:
            return failed
        return self.feeding.end(end)

    def give_up(self) -> None:
        """The server gave the request up: nothing more is taken. From the loop, before
        :meth:`abandon` is run in a thread, or a step that is under way finds it."""
        self._take()
        self.intake.finish(BodyEnd.GONE)
        # not a step of its own, but work of which the lease has to hear
        self.is_stepping = True
        self._is_abandoned = True

    def abandon(self) -> None:
        """Keep what came before the server gave the request up, behind what was written."""
        self._step(BodyEnd.GONE, commit=True)

    async def flush(self, seconds: float) -> None:
        """Have committed what is there, waiting for it at most so long."""
        if not self._pending():
            return
        self._asked = True
        self._flushed.clear()
        self.intake.work.set()
        try:
            await asyncio.wait_for(self._flushed.wait(), seconds)
        except TimeoutError:
            logger.debug("flush-late", extra={"upload_id": self.upload_id})

    async def wait_until_over(self, seconds: float) -> None:
        """Return when the append is over, or after so long."""
        try:
            await asyncio.wait_for(self.is_over.wait(), seconds)
        except TimeoutError:
            logger.debug("end-late", extra={"upload_id": self.upload_id})

    @property
    def may_be_asked(self) -> bool:
        """Whether the last commit is so long ago that another one costs the append little."""
        return self._loop.time() - max(self._clean_at, self._tried_at) >= _ASK_SECONDS

    @property
    def is_quiet(self) -> bool:
        """Whether nothing comes, and nothing is being done, just now."""
        if self.is_stepping or self.intake.end is not None or self.intake.is_batch:
            return False
        return self._loop.time() - self.intake.last_byte_at >= QUIET_SECONDS

    def made_progress_within(self, seconds: float) -> bool:
        """Whether bytes came, or are being written, or the append is being ended."""
        return self.is_stepping or self._loop.time() - self.intake.last_byte_at < seconds

    def _pending(self) -> int:
        return self.intake.size + self.feeding.appending.uncommitted

    async def _wait_for_work(self) -> bool:
        """Wait until there is something to write or to commit; whether it is to be committed."""
        while True:
            now = self._loop.time()
            if self._asked or self.intake.end is not None:
                self._is_urgent, self._asked = self._asked, False
                return True
            due = self._due_at()
            if due <= now:
                return True
            if self.intake.is_batch:
                return False
            if self.intake.pace.until <= now:
                self.intake.finish(BodyEnd.TIMED_OUT)
                continue
            await self.intake.wait_for_work(min(due, self.intake.pace.until))

    def _due_at(self) -> float:
        pending = self._pending()
        if not pending:
            return float("inf")
        first = self._clean_at if self.feeding.appending.uncommitted else self.intake.first_byte_at
        # a commit that could not be made yet is tried again later, not at once
        first = max(first, self._tried_at)
        idle = max(self.intake.last_byte_at, self._tried_at) + IDLE_SECONDS
        return min(idle, first + (MANY_SECONDS if pending >= MANY_BYTES else FEW_SECONDS))


class Drives:
    """All appends that run in this process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._running: dict[str, list[Drive]] = {}
        # requests by upload whose views are still running: they may append, or begin to
        self._beginning: Counter[str] = Counter()
        self._beating: asyncio.Task[None] | None = None
        self.is_stopping = False

    def add(self, drive: Drive) -> None:
        """A drive begins: its lease is kept alive from now on."""
        self._running.setdefault(drive.upload_id, []).append(drive)
        share = BUFFERED_BYTES // len(self._running)
        drive.intake.widen(max(LEAST_BATCH_BYTES, min(BATCH_BYTES, share)))
        if self.is_stopping:
            drive.intake.finish(BodyEnd.STOPPING)
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat_while_running())

    def remove(self, drive: Drive) -> None:
        """The drive is over. Idempotent."""
        drive.is_over.set()
        drives = self._running.get(drive.upload_id, [])
        if drive in drives:
            drives.remove(drive)
        if not drives:
            self._running.pop(drive.upload_id, None)

    def give_up(self, drive: Drive, run: Callable[[Callable[[], None]], None]) -> None:
        """The task of a drive has ended before its append did. ``run`` has a thread do something.

        The append keeps its lease, and a HEAD waits for its end, while its last bytes are written.
        """
        drive.give_up()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(_GIVING_UP_SECONDS, self.remove, drive)

        def over() -> None:
            timer.cancel()
            self.remove(drive)

        def abandon() -> None:
            try:
                drive.abandon()
            finally:
                # no loop is left to be told when the process ends
                with suppress(RuntimeError):
                    loop.call_soon_threadsafe(over)

        run(abandon)

    @contextmanager
    def beginning(self, upload_id: str) -> Iterator[None]:
        """While the view of a request that brings bytes runs."""
        self._beginning[upload_id] += 1
        try:
            yield
        finally:
            self._beginning[upload_id] -= 1
            if not self._beginning[upload_id]:
                del self._beginning[upload_id]

    def stop(self) -> None:
        """End all with what they have, and whatever begins from now on."""
        self.is_stopping = True
        for drive in self._all():
            drive.intake.finish(BodyEnd.STOPPING)

    def has(self, upload_id: str) -> bool:
        """Whether an append to it runs, or may begin."""
        return upload_id in self._running or upload_id in self._beginning

    async def flush(self, upload_id: str, seconds: float) -> None:
        """Let a running append commit what it has, waiting for it at most so long.

        Where bytes still come in, their client may be gone already: what is on its way will be
        committed within moments, and an offset told now would be behind it. So half the time is
        spent waiting for the end of it. Once that has come the wait is longer, for then the offset
        moves for certain; and so it is for a request that has only just come in.
        """
        loop = asyncio.get_running_loop()
        begun_by = loop.time() + _ENDING_SECONDS
        while self._beginning[upload_id] and loop.time() < begun_by:
            await asyncio.sleep(_LOOK_SECONDS)
        started = loop.time()
        while drives := self._running.get(upload_id):
            drive = drives[-1]
            if drive.intake.end is not None:
                await drive.wait_until_over(_ENDING_SECONDS)
                return
            waited = loop.time() - started
            if drive.is_quiet or (waited >= seconds / 2 and drive.may_be_asked):
                await drive.flush(_COMMIT_SECONDS)
                if drive.intake.end is None:
                    return
            elif waited >= seconds:
                return
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    def end_lost(self, upload_id: str) -> None:
        """The upload was terminated here: its appends end now, not at the next beat."""
        for drive in self._running.get(upload_id, ()):
            drive.intake.finish(BodyEnd.TAKEN_OVER)

    def _all(self) -> list[Drive]:
        return [drive for drives in self._running.values() for drive in drives]

    async def _beat_while_running(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            drives = self._all()
            if not drives:
                return
            groups: dict[Hashable, list[Drive]] = {}
            for drive in drives:
                groups.setdefault(drive.group, []).append(drive)
            for group in groups.values():
                await self._beat_together(group)

    async def _beat_together(self, drives: list[Drive]) -> None:
        """One beat of those whose rows are in the same place."""
        # of two on one upload, the later has taken it over
        held = {drive.pk: drive.token for drive in drives}
        newest = [drive for drive in drives if held[drive.pk] == drive.token]
        alive = {d.pk: d.token for d in newest if d.made_progress_within(BEAT_SECONDS)}
        try:
            lost = await self._run(partial(drives[0].feeding.carrier.run, _beat, alive, held))
        except UploadError as error:
            logger.warning("beat-failed", extra={"code": error.code})
            return
        except Exception:
            # no thread can be had, say: the next beat may have one
            logger.exception("beat-failed")
            return
        for drive in drives:
            is_lost = drive.pk in lost or held[drive.pk] != drive.token
            if is_lost and not drive.is_stepping:
                drive.intake.finish(BodyEnd.TAKEN_OVER)


def _beat(alive: dict[Any, str], held: dict[Any, str]) -> set[Any]:
    model = get_upload_model()
    leases.beat(model, alive, ttl=get_options().LEASE_TTL)
    return leases.lost(model, held)
