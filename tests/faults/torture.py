"""Five processes append to one upload while a tormentor stops and kills them at random.

Run as ``python -m tests.faults.torture PLACE SECONDS``, with tests.site.settings in the
environment; prints what it found as JSON. Each block of 512 bytes tells its position and the
token of the lease under which it was written, so that every spoilt byte is seen.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import django

BLOCK = 512
WRITERS = 5
LOCK_PATIENCE_SECONDS = 0.3
# More than this many are never stopped at once, so that somebody gets on.
MOST_STOPPED = 4
END_SECONDS = 20.0


def block(position: int, token: str) -> bytes:
    """The 512 bytes at this position, as the holder of this token writes them."""
    return f"{position:020d} {token} ".encode().ljust(BLOCK, b".")


class Writer:
    """Appends again and again; acknowledges to its own log only what a commit has returned for."""

    def __init__(self, upload_id: str, log: Path) -> None:
        from tusbridge.policy import Actor
        from tusbridge.service import UploadService

        self.service = UploadService()
        self.actor = Actor()
        self.upload_id = upload_id
        self.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.random = random.Random(time.time_ns() ^ os.getpid())
        self.is_ending = False

    def run(self) -> None:
        from tusbridge.errors import UploadError

        signal.signal(signal.SIGUSR1, self._end)
        while not self.is_ending:
            with suppress(UploadError):
                self._append()
            time.sleep(self.random.uniform(0, 0.03))

    def _end(self, number: int, frame: FrameType | None) -> None:
        self.is_ending = True

    def _append(self) -> None:
        from tusbridge.body import BodyEnd
        from tusbridge.protocol.rules import AppendRequest

        upload = self.service.find(self.upload_id, self.actor, lambda actor, upload: None)
        request = AppendRequest(offset=upload.offset, content_length=None)
        wait = self.random.uniform(0, 0.6)
        # the very first bytes come as a small file does, from all writers at once
        at_hand = upload.offset == 0
        appending = self.service.begin_append(
            upload, request, self.actor, wait=wait, at_hand=at_hand
        )
        assert appending is not None
        start = position = appending.upload.offset
        for _ in range(1 if at_hand else self.random.randint(1, 8)):
            count = self.random.randint(1, 200)
            stop = position + count * BLOCK
            chunks = [block(at, appending.token) for at in range(position, stop, BLOCK)]
            position = stop
            appending.feed(chunks, commit=not at_hand and self.random.random() < 0.6)
            start = self._acknowledge(start, appending)
            time.sleep(self.random.uniform(0, 0.02))
        appending.end(BodyEnd.WHOLE)
        self._acknowledge(start, appending)

    def _acknowledge(self, start: int, appending: Any) -> int:
        stop: int = appending.upload.offset
        if stop > start:
            os.write(self.log, f"{start} {stop} {appending.token}\n".encode())
        return stop


class Tormentor:
    """Keeps five writers running, and stops and kills them."""

    def __init__(self, upload_id: str, logs: Path) -> None:
        self.upload_id = upload_id
        self.logs = logs
        self.resume_at: dict[int, float | None] = {}
        self.stops = self.kills = self.started = 0

    def run(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            while len(self.resume_at) < WRITERS:
                self._start()
            self._resume()
            if random.random() < 0.7:
                self._stop_one()
            else:
                self._kill_one()
            time.sleep(random.uniform(0.01, 0.16))
        self._end_all()

    def _start(self) -> None:
        self.started += 1
        log = self.logs / str(self.started)
        pid = os.fork()
        if pid:
            self.resume_at[pid] = None
            return
        try:
            Writer(self.upload_id, log).run()
        finally:
            os._exit(0)

    def _resume(self) -> None:
        for pid, at in self.resume_at.items():
            if at is not None and at < time.monotonic():
                os.kill(pid, signal.SIGCONT)
                self.resume_at[pid] = None

    def _stop_one(self) -> None:
        running = [pid for pid, at in self.resume_at.items() if at is None]
        if len(running) <= WRITERS - MOST_STOPPED:
            return
        pid = random.choice(running)
        os.kill(pid, signal.SIGSTOP)
        self.resume_at[pid] = time.monotonic() + random.uniform(0.3, 1.2)
        self.stops += 1

    def _kill_one(self) -> None:
        pid = random.choice(list(self.resume_at))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        del self.resume_at[pid]
        self.kills += 1

    def _end_all(self) -> None:
        deadline = time.monotonic() + END_SECONDS
        for pid in self.resume_at:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGUSR1)
        for pid in list(self.resume_at):
            while not os.waitpid(pid, os.WNOHANG)[0]:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)
            del self.resume_at[pid]


class Judge:
    """Compares what was acknowledged with what is there."""

    def __init__(self, upload_id: str, logs: Path) -> None:
        from tusbridge.policy import Actor
        from tusbridge.service import UploadService

        self.service = UploadService()
        self.actor = Actor()
        self.upload = self.service.find(upload_id, self.actor, lambda actor, upload: None)
        self.acknowledged = sorted(_read_logs(logs))
        store: Any = self.service.store_of(self.upload)
        self.segments = store.segments(self.service.blob_of(self.upload))

    def found(self) -> dict[str, Any]:
        told = max((stop for _, stop, _ in self.acknowledged), default=0)
        pairs = zip(self.acknowledged, self.acknowledged[1:], strict=False)
        content = self._content()
        return {
            "offset": self.upload.offset,
            "acknowledged_to": told,
            "ranges": len(self.acknowledged),
            "blocks": sum(stop - start for start, stop, _ in self.acknowledged) // BLOCK,
            "overlaps": sum(first[1] > second[0] for first, second in pairs),
            "missing": max(0, told - len(content)),
            "spoilt": sum(
                content[at : at + BLOCK] != block(at, token)
                for start, stop, token in self.acknowledged
                for at in range(start, stop, BLOCK)
            ),
            "misplaced": sum(
                not content.startswith(f"{at:020d} ".encode(), at)
                for at in range(0, len(content), BLOCK)
            ),
            "segments": len(self.segments),
            "joined": self._complete() == content,
        }

    def _content(self) -> bytes:
        """The first ``offset`` bytes, through all segments."""
        stops = [segment.start for segment in self.segments[1:]] + [self.upload.offset]
        parts = []
        for segment, stop in zip(self.segments, stops, strict=True):
            with open(segment.path, "rb") as file:
                parts.append(file.read(stop - segment.start))
        return b"".join(parts)

    def _complete(self) -> bytes:
        """The finished file, when the upload ends here."""
        rows = self.service.model._base_manager.filter(pk=self.upload.pk)
        deadline = time.monotonic() + END_SECONDS
        upload = self.upload
        rows.update(length=upload.offset)
        while not upload.is_complete and time.monotonic() < deadline:
            upload = self.service.settle(rows.get())
            time.sleep(0.05)
        return b"".join(self.service.open(upload, 0, upload.offset)) if upload.is_complete else b""


def _read_logs(logs: Path) -> Iterator[tuple[int, int, str]]:
    for log in logs.iterdir():
        for line in log.read_text().splitlines():
            start, stop, token = line.split()
            yield int(start), int(stop), token


def _slow_disk() -> None:
    """Writes are taken in pieces and take their time, so that stops and kills fall into them."""
    whole = os.pwritev

    def slow(fd: int, buffers: Any, offset: int) -> int:
        written: int = whole(fd, buffers[: random.randint(1, (len(buffers) + 1) // 2)], offset)
        time.sleep(random.uniform(0, 0.01))
        return written

    os.pwritev = slow  # type: ignore[assignment]


def _use_impatient_stores() -> None:
    from django.core.files.storage import FileSystemStorage

    from tusbridge import stores

    def make(storage: Any, options: Any) -> stores.Store:
        return stores.LocalStore(
            storage,
            stores.partials_dir(storage, options.PARTIALS_DIR),
            durable=options.DURABILITY == "power",
            lock_patience=LOCK_PATIENCE_SECONDS,
        )

    stores.register(FileSystemStorage, make)


def main(place: str, seconds: str) -> None:
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from tusbridge.policy import Actor
    from tusbridge.protocol.rules import CreateRequest
    from tusbridge.service import UploadService

    call_command("migrate", verbosity=0)
    _use_impatient_stores()
    logs = Path(place) / "logs"
    logs.mkdir()
    request = CreateRequest(
        length=2**40, metadata="", filename="", content_type="", has_body=False, content_length=None
    )
    upload_id = UploadService().create(request, Actor()).upload_id
    # a connection must not be shared with the processes that are forked now
    connections.close_all()
    _slow_disk()
    tormentor = Tormentor(upload_id, logs)
    tormentor.run(float(seconds))
    found = Judge(upload_id, logs).found()
    found |= {"stops": tormentor.stops, "kills": tormentor.kills, "started": tormentor.started}
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
