"""A process that fails, or dies, at its n-th step: system call of the store, or SQL statement.

Dying is no exception: whatever code would clear up behind one must not get to do it. So once dead,
every further step fails too, until the next process begins.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import OperationalError, connection

# What the local store does to the file system, each a step.
CALLS = (
    *("open", "pwritev", "pwrite", "fdatasync", "fsync", "ftruncate", "truncate", "link", "rename"),
    *("unlink", "mkdir", "chmod", "copy_file_range"),
)


class Killed(BaseException):
    """The process is gone."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at which step: ``kill`` before it, ``late-kill`` behind it, ``fail`` instead
    of it, ``lost`` for a statement whose answer is lost."""

    at: int
    kind: str


class Steps:
    """Counts the steps, and strikes."""

    def __init__(self, fault: Fault | None) -> None:
        self._fault = fault
        self._count = 0
        self._is_dead = False

    def run(self, work: Callable[[], Any], error: Callable[[], Exception]) -> Any:
        """One step."""
        if self._is_dead:
            raise Killed
        number, self._count = self._count, self._count + 1
        kind = self._fault.kind if self._fault and self._fault.at == number else ""
        if kind == "kill":
            self._is_dead = True
            raise Killed
        if kind == "fail":
            raise error()
        result = work()
        if kind == "late-kill":
            self._is_dead = True
            raise Killed
        if kind == "lost":
            raise error()
        return result


@contextmanager
def one_process(fault: Fault | None) -> Iterator[None]:
    """What runs in the block runs in a process of its own, with this fault."""
    steps = Steps(fault)

    def broken_disk() -> Exception:
        return OSError(errno.EIO, "the disk fails")

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: steps.run(lambda: call(*args, **kwargs), broken_disk)

    def statement(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            return execute(sql, params, many, context)
        return steps.run(
            lambda: execute(sql, params, many, context),
            lambda: OperationalError("the database fails"),
        )

    with pytest.MonkeyPatch.context() as patched, connection.execute_wrapper(statement):
        for name in CALLS:
            patched.setattr(os, name, wrap(getattr(os, name)))
        yield
