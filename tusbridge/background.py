"""Threads for what a process does behind its answers: long work, and signs of life.

There is a bounded number of them, and where the system gives none, nothing is left behind.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tusbridge.carrying import carried
from tusbridge.errors import UploadError
from tusbridge.rows import release_connections

logger = logging.getLogger("tusbridge")


class NoThread(RuntimeError):
    """The system gives no thread, or the executor takes nothing any more."""


# Seconds for which work waits for its turn. Those whose turn it is may hang in a storage for ever:
# then it goes on beside them.
_PATIENCE_SECONDS = 60.0
# Threads at once, most of them waiting. What is asked for beyond is left to who asks next.
_MOST = 16

# Uploads of this process that are completed behind their answers.
_running: set[str] = set()
_lock = threading.Lock()
# Two at once keep a disk busy.
_turns = threading.Semaphore(2)


def in_background(upload_id: str, work: Callable[[], Any]) -> None:
    """Do what takes long in a thread of its own, unless it is being done, or there are too many
    such threads. What is not done, also by a process that ends meanwhile, is left to the next HEAD,
    or to the sweep."""
    with _lock:
        if upload_id in _running:
            return
        if len(_running) >= _MOST:
            logger.warning("upload-not-completed", extra={"upload_id": upload_id, "code": "busy"})
            return
        _running.add(upload_id)
    name = f"tusbridge-join-{upload_id[:8]}"
    thread = threading.Thread(target=_run, args=(upload_id, carried(work)), name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError:
        _forget(upload_id)
        logger.exception("upload-not-completed", extra={"upload_id": upload_id})
    except BaseException:
        _forget(upload_id)
        raise


def _run(upload_id: str, work: Callable[[], Any]) -> None:
    try:
        with _turn():
            work()
    except UploadError as error:
        facts = {"upload_id": upload_id, "code": error.code}
        logger.warning("upload-not-completed", extra=facts)
    except Exception:
        logger.exception("internal-error", extra={"upload_id": upload_id})
    finally:
        try:
            release_connections()
        finally:
            _forget(upload_id)


def _forget(upload_id: str) -> None:
    with _lock:
        _running.discard(upload_id)


@contextmanager
def _turn() -> Iterator[None]:
    has_turn = _turns.acquire(timeout=_PATIENCE_SECONDS)
    try:
        yield
    finally:
        if has_turn:
            _turns.release()


class Heart:
    """Gives signs of life for all that is under way, from one thread, every so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._lock = threading.Lock()
        self._beats: dict[object, Callable[[], Any]] = {}
        self._thread: threading.Thread | None = None

    @contextmanager
    def beating(self, beat: Callable[[], Any]) -> Iterator[None]:
        """Call ``beat`` again and again while the block runs, and at most once behind it.

        :raises NoThread: the block was not begun.
        """
        key = object()
        with self._lock:
            self._have_thread()
            self._beats[key] = carried(beat)
        try:
            yield
        finally:
            with self._lock:
                del self._beats[key]

    def _have_thread(self) -> None:
        # in a process that was forked off, none of the threads goes on
        if self._thread is None or not self._thread.is_alive():
            thread = threading.Thread(target=self._run, name="tusbridge-heart", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                raise NoThread from error
            self._thread = thread

    def _run(self) -> None:
        while True:
            time.sleep(self.seconds)
            with self._lock:
                if not self._beats:
                    self._thread = None
                    return
                beats = list(self._beats.values())
            for beat in beats:
                _give(beat)


def _give(beat: Callable[[], Any]) -> None:
    try:
        beat()
    except UploadError as error:
        logger.warning("heartbeat-lost", extra={"code": error.code})
    except Exception:
        logger.exception("heartbeat-lost")
    finally:
        release_connections()
