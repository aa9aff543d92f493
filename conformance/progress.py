"""A bar that tells how far a run has come, on a terminal only."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from typing import TextIO
from urllib.parse import urlsplit

from .runner import Outcome, Result

_WIDTH = 30
_CLEAR = "\r\x1b[K"


@contextlib.contextmanager
def asking(url: str, stream: TextIO) -> Iterator[None]:
    """The stream says who is asked, until it is answered."""
    if stream.isatty():
        stream.write(f"{_CLEAR}asking {urlsplit(url).netloc} ...")
        stream.flush()
    try:
        yield
    finally:
        if stream.isatty():
            stream.write(_CLEAR)
            stream.flush()


def watched(results: Iterable[Result], total: int, stream: TextIO) -> Iterator[Result]:
    """The same results; the stream shows how many there are and how many failed."""
    if not stream.isatty():
        yield from results
        return
    try:
        yield from _drawn(results, total, stream)
    finally:
        stream.write(_CLEAR)
        stream.flush()


def _drawn(results: Iterable[Result], total: int, stream: TextIO) -> Iterator[Result]:
    failed = 0
    _draw(stream, 0, total, failed, "")
    for done, result in enumerate(results, 1):
        failed += result.outcome is Outcome.FAIL
        _draw(stream, done, total, failed, result.check.id)
        yield result


def _draw(stream: TextIO, done: int, total: int, failed: int, name: str) -> None:
    full = _WIDTH * done // max(total, 1)
    line = f"[{'#' * full}{'.' * (_WIDTH - full)}] {done}/{total}, {failed} failed  {name}"
    columns = shutil.get_terminal_size().columns
    stream.write(f"{_CLEAR}{line[: columns - 1]}")
    stream.flush()
